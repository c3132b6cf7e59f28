// mockttp as a proxy that adds a header.   mockttp.cjs PORT CA-CERTIFICATE CA-KEY ORIGIN-CA
'use strict';
const mockttp = require('mockttp');

const [port, certPath, keyPath, originCa] = process.argv.slice(2);
const [name, value] = process.env.BENCH_CREDENTIAL.split(': ');
const server = mockttp.getLocal({ recordTraffic: false, http2: 'fallback', maxBodySize: 1 << 20, https: { keyPath, certPath } });
(async () => {
  await server.forAnyRequest().thenPassThrough({ trustAdditionalCAs: [{ cert: require('fs').readFileSync(originCa) }], transformRequest: { updateHeaders: { [name]: value } } });
  await server.start(+port);
})();
