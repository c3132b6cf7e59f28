// http-mitm-proxy that adds a header, with its CA in DIRECTORY.   http-mitm-proxy.cjs PORT DIRECTORY
'use strict';
const https = require('https');
const { Proxy } = require('http-mitm-proxy');

const [port, sslCaDir] = process.argv.slice(2);
const [name, value] = process.env.BENCH_CREDENTIAL.split(': ');
const proxy = new Proxy();
proxy.onError(() => {});
proxy.onRequest((context, next) => {
  context.proxyToServerRequestOptions.headers[name] = value;
  next();
});
proxy.listen({ host: '127.0.0.1', port: +port, sslCaDir, keepAlive: true, httpsAgent: new https.Agent({ keepAlive: true }) });
