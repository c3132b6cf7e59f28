// Ends the tunnels of relay.cjs: TLS with a certificate minted for the host, a header added to each request, which then goes to the origin.
// Written the obvious way.   gateway.cjs PORT CA-CERTIFICATE CA-KEY [CERTIFICATE KEY]
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const tls = require('tls');
const { Duplex } = require('stream');
const forge = require('node-forge');
const { WebSocketServer } = require('ws');
const { encode, decode } = require('./chunk.cjs');

const [port, caFile, caKeyFile, certificate, key] = process.argv.slice(2);
const [credentialName, credentialValue] = process.env.BENCH_CREDENTIAL.split(': ');
const ca = { certificate: forge.pki.certificateFromPem(fs.readFileSync(caFile, 'utf8')), key: forge.pki.privateKeyFromPem(fs.readFileSync(caKeyFile, 'utf8')) };
const leafKeys = crypto.generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const contexts = new Map();

function contextFor(host) {
  let context = contexts.get(host);
  if (context) return context;
  const leaf = forge.pki.createCertificate();
  leaf.publicKey = forge.pki.publicKeyFromPem(leafKeys.publicKey);
  leaf.serialNumber = '00' + crypto.randomBytes(15).toString('hex');
  leaf.validity.notBefore = new Date(Date.now() - 3600e3);
  leaf.validity.notAfter = new Date(Date.now() + 24 * 3600e3);
  leaf.setSubject([{ name: 'commonName', value: host }]);
  leaf.setIssuer(ca.certificate.subject.attributes);
  leaf.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }, { name: 'extKeyUsage', serverAuth: true }]);
  leaf.sign(ca.key, forge.md.sha256.create());
  context = tls.createSecureContext({ key: leafKeys.privateKey, cert: forge.pki.certificateToPem(leaf) });
  contexts.set(host, context);
  return context;
}

const agent = new https.Agent({ keepAlive: true });
const inner = https.createServer({ SNICallback: (host, done) => done(null, contextFor(host)), ALPNProtocols: ['http/1.1'] }, (request, answer) => {
  const [host, at] = request.headers.host.split(':');
  const headers = { ...request.headers, [credentialName]: credentialValue };
  const upstream = https.request({ agent, host, port: at || 443, servername: host, method: request.method, path: request.url, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  upstream.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
  request.pipe(upstream);
});
inner.keepAliveTimeout = 600e3;
inner.requestTimeout = 0;

// A tunnel, as the stream that a TLS server takes for a connection.
class TunnelStream extends Duplex {
  constructor(tunnel) {
    super();
    this.tunnel = tunnel;
    tunnel.on('close', () => this.push(null));
    tunnel.on('error', () => this.destroy());
  }

  take(data) {
    if (!this.push(data)) this.tunnel.pause();
  }

  _read() {
    this.tunnel.resume();
  }

  _write(data, _, done) {
    this.tunnel.send(encode(data), () => done());
  }

  _final(done) {
    this.tunnel.close();
    done();
  }

  _destroy(error, done) {
    this.tunnel.close();
    done(error);
  }

  setNoDelay() {}
  setKeepAlive() {}
  setTimeout() {}
}

const outer = certificate ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }) : http.createServer();
new WebSocketServer({ server: outer, perMessageDeflate: false }).on('connection', (tunnel) => {
  let head = Buffer.alloc(0);
  let stream = null;
  tunnel.on('message', (message) => {
    const data = decode(message);
    if (stream) return stream.take(data);
    head = Buffer.concat([head, data]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    stream = new TunnelStream(tunnel);
    stream.on('error', () => {});
    tunnel.send(encode(Buffer.from('HTTP/1.1 200 Connection Established\r\n\r\n')));
    if (end + 4 < head.length) stream.take(head.subarray(end + 4));
    inner.emit('connection', stream);
  });
});
outer.listen({ port: +port, host: '127.0.0.1', backlog: 4096 });
