// The hello card in JavaScript, through the Node-API module node_pcsc.
'use strict';

const pcsc = require(process.argv[2]);

const hex = (bytes) => bytes.toString('hex').toUpperCase().match(/../g).join(' ');

pcsc.connect();
console.log(hex(pcsc.transmit(Buffer.from('00A404000AA00000006203010C0601', 'hex'))));
const response = pcsc.transmit(Buffer.alloc(4));
console.log(hex(response));
console.log(response.subarray(0, -2).toString('ascii'));
pcsc.close();
