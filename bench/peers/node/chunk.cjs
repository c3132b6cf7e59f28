// The messages of the tunnel: 0x0a, the length as a varint, the bytes.
'use strict';

const MOST_WAITING = 1 << 20;

exports.encode = (data) => {
  const head = [0x0a];
  let length = data.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  head.push(length);
  return Buffer.concat([Buffer.from(head), data]);
};

exports.decode = (message) => {
  if (message[0] !== 0x0a) throw new Error('expected a message with field 1');
  let at = 1;
  while (message[at] > 127) at++;
  return message.subarray(at + 1);
};

// Sends a message, and stops the source while too much waits.
exports.sendInStep = (tunnel, message, source) => {
  tunnel.send(message, () => {
    if (source.isPaused() && tunnel.bufferedAmount < MOST_WAITING / 2) source.resume();
  });
  if (tunnel.bufferedAmount > MOST_WAITING) source.pause();
};
