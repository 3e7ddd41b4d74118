# The hello card in Tcl, through the C extension tcl_pcsc.
load [lindex $argv 0] Pcsc

proc hex {bytes} {
    binary scan $bytes cu* numbers
    join [lmap number $numbers {format %02X $number}]
}

pcsc::connect
puts [hex [pcsc::transmit [binary decode hex 00A404000AA00000006203010C0601]]]
set response [pcsc::transmit [binary decode hex 00000000]]
puts [hex $response]
puts [string range $response 0 end-2]
pcsc::close
