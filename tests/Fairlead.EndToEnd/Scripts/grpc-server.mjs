// node grpc-server.mjs CERTIFICATE KEY: prints its port.
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { service } from './grpc-service.mjs';

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = new grpc.Server();
server.addService(service, {
  hello(call, callback) {
    const trailers = new grpc.Metadata();
    trailers.set('x-trailer', 'seen');
    callback(null, `hello ${call.request}`, trailers);
  },
  fail(call, callback) {
    callback({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'too many pings' });
  },
  pingPong(call) {
    // Headers before any message: a proxy that holds them back would hang a client that waits for them.
    call.sendMetadata(new grpc.Metadata());
    call.on('data', (ping) => call.write(`pong ${ping}`));
    call.on('end', () => call.end());
  },
});
const credentials = grpc.ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }]);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  console.log(port);
});
