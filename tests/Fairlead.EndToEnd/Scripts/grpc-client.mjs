// node grpc-client.mjs TARGET CALL: prints "ok", or throws what went wrong. Proxy and trust come from the environment alone.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { service } from './grpc-service.mjs';

const [target, call] = process.argv.slice(2);
const Client = grpc.makeGenericClientConstructor(service, 'Talk');
const client = new Client(target, grpc.credentials.createSsl());

function unary(method, request) {
  return new Promise((resolve) => {
    const seen = {};
    client[method](request, (error, response) => Object.assign(seen, { error, response })).on('status', (status) => {
      // The callback may come after the status.
      setImmediate(() => resolve({ ...seen, status }));
    });
  });
}

const calls = {
  async unary() {
    const { error, response, status } = await unary('hello', 'world');
    assert.equal(error, null);
    assert.equal(response, 'hello world');
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(status.metadata.get('x-trailer'), ['seen']);
  },
  async failure() {
    const { error } = await unary('fail', 'world');
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.equal(error.details, 'too many pings');
  },
  async 'ping-pong'() {
    const stream = client.pingPong();
    // The next ping goes out only when the pong before is there.
    await once(stream, 'metadata');
    for (let number = 0; number < 100; number++) {
      stream.write(`${number}`);
      const [pong] = await once(stream, 'data');
      assert.equal(pong, `pong ${number}`);
    }
    const ended = once(stream, 'status');
    stream.end();
    const [status] = await ended;
    assert.equal(status.code, grpc.status.OK);
  },
};

await calls[call]();
console.log('ok');
client.close();
