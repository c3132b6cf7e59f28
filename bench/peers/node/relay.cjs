// A CONNECT proxy that carries each tunnel over a WebSocket of its own, written the obvious way.   relay.cjs PORT URL
'use strict';
const net = require('net');
const WebSocket = require('ws');
const { encode, decode, sendInStep } = require('./chunk.cjs');

const [port, url] = process.argv.slice(2);

const server = net.createServer({ noDelay: true }, (socket) => {
  let head = Buffer.alloc(0);
  const onHead = (data) => {
    head = Buffer.concat([head, data]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    socket.removeListener('data', onHead);
    socket.pause();
    open(head.toString('latin1', 0, head.indexOf('\r\n')), head.subarray(end + 4));
  };

  function open(line, rest) {
    if (!line.startsWith('CONNECT ')) return socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n');
    const tunnel = new WebSocket(url, { headers: { 'Content-Type': 'application/proto', Authorization: 'Bearer FAKE-bench-token' }, perMessageDeflate: false });
    tunnel.on('open', () => {
      tunnel.send(encode(Buffer.from(`${line}\r\nProxy-Authorization: Basic RkFLRTpGQUtF\r\n\r\n`)));
      if (rest.length) tunnel.send(encode(rest));
      socket.on('data', (data) => sendInStep(tunnel, encode(data), socket));
      socket.resume();
    });
    tunnel.on('message', (message) => {
      if (socket.write(decode(message))) return;
      tunnel.pause();
      socket.once('drain', () => tunnel.resume());
    });
    tunnel.on('close', () => socket.end());
    tunnel.on('error', () => socket.destroy());
    socket.on('close', () => tunnel.close());
  }

  socket.on('data', onHead);
  socket.on('error', () => {});
});
server.listen({ port: +port, host: '127.0.0.1', backlog: 4096 });
