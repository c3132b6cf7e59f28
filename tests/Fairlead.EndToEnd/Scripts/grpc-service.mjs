// The service of the gRPC tests: messages are plain UTF-8, so no compiler for .proto files is needed.
const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() };

function method(name, streams) {
  return {
    path: `/fairlead.test.Talk/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
}

export const service = { hello: method('Hello', false), fail: method('Fail', false), pingPong: method('PingPong', true) };
