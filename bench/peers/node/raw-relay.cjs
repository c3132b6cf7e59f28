// Sends what comes over a WebSocket, byte for byte, as websockify understands it.   raw-relay.cjs PORT URL
'use strict';
const net = require('net');
const WebSocket = require('ws');
const { sendInStep } = require('./chunk.cjs');

const [port, url] = process.argv.slice(2);

const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
  const tunnel = new WebSocket(url, { perMessageDeflate: false });
  tunnel.on('open', () => {
    socket.on('data', (data) => sendInStep(tunnel, data, socket));
    socket.resume();
  });
  tunnel.on('message', (message) => {
    if (socket.write(message)) return;
    tunnel.pause();
    socket.once('drain', () => tunnel.resume());
  });
  tunnel.on('close', () => socket.end());
  tunnel.on('error', () => socket.destroy());
  socket.on('close', () => tunnel.close());
  socket.on('error', () => {});
});
server.listen({ port: +port, host: '127.0.0.1', backlog: 4096 });
