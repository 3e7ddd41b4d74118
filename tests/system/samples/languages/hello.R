# The hello card in R, through the C functions of r_pcsc.c.
dyn.load(commandArgs(trailingOnly = TRUE)[1])

hex <- function(bytes) paste(toupper(as.character(bytes)), collapse = " ")

card <- .Call("pcsc_connect")
select <- as.raw(c(0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C,
                   0x06, 0x01))
cat(hex(.Call("pcsc_transmit", card, select)), "\n", sep = "")
response <- .Call("pcsc_transmit", card, raw(4))
cat(hex(response), "\n", sep = "")
cat(rawToChar(head(response, -2)), "\n", sep = "")
invisible(.Call("pcsc_close", card))
