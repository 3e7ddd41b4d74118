//! The hello card in Rust, through the crate pcsc.
use pcsc::{Context, Disposition, Error, Protocols, Scope, ShareMode, MAX_BUFFER_SIZE};

const SELECT: [u8; 15] = [
    0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01,
];
const HELLO: [u8; 4] = [0; 4];

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    words.join(" ")
}

fn main() -> Result<(), Error> {
    let context = Context::establish(Scope::User)?;
    let readers = context.list_readers_owned()?;
    let reader = readers.first().ok_or(Error::NoReadersAvailable)?;
    let card = context.connect(reader, ShareMode::Shared, Protocols::ANY)?;

    let mut buffer = [0; MAX_BUFFER_SIZE];
    println!("{}", hex(card.transmit(&SELECT, &mut buffer)?));
    let response = card.transmit(&HELLO, &mut buffer)?;
    println!("{}", hex(response));
    println!("{}", String::from_utf8_lossy(&response[..response.len() - 2]));
    card.disconnect(Disposition::LeaveCard).map_err(|(_, error)| error)
}
