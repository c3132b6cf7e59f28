// Written by `fairlead` and loaded by NODE_OPTIONS. It makes https and fetch of Node.js use the proxy in HTTPS_PROXY, except for the hosts in NO_PROXY.
// From 22.21 and 24.5 on Node.js does so by itself, but for agents that a program makes. Whatever goes wrong in here leaves Node.js as it was; the syntax is that of Node.js 10,
// since a file that does not parse would keep it from starting.
'use strict';
try {
  install();
} catch {}

function install() {
  const mark = Symbol.for('fairlead.node-proxy');
  if (global[mark]) return;
  const isBuiltIn = process.env.NODE_USE_ENV_PROXY === '1' && process.allowedNodeEnvironmentFlags.has('--use-env-proxy');
  const text = process.env.https_proxy || process.env.HTTPS_PROXY;
  if (!text) return;
  const proxy = new URL(text);
  if (proxy.protocol !== 'http:' || proxy.hostname !== '127.0.0.1') return; // somebody else's proxy
  Object.defineProperty(global, mark, { value: true });
  const direct = parseNoProxy(process.env.no_proxy || process.env.NO_PROXY || '');
  const https = require('https');

  // Asks the proxy for a tunnel; calls back with an error, or with a socket that leads to the host.
  function tunnel(host, port, callback) {
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const request = require('http').request({
      host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: target, headers: { host: target }, agent: false,
    });
    request.once('error', callback);
    request.once('connect', (response, socket, head) => {
      request.removeListener('error', callback);
      if (response.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        callback(null, socket);
        return;
      }
      socket.destroy();
      const answer = `${response.statusCode} ${head.toString('utf8').trim()}`.trim();
      callback(Object.assign(new Error(`the proxy ${proxy.host} refused CONNECT ${target}: ${answer}`), { code: 'ERR_PROXY_TUNNEL' }));
    });
    request.end();
  }

  const connect = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function createConnection(options, callback) {
    const isPlain = options !== null && typeof options === 'object' && typeof callback === 'function' && !options.socket && !options.socketPath;
    const hasProxy = this && this.options && this.options.proxyEnv;
    if (!isPlain || hasProxy || isDirect(direct, options.host, options.port)) return connect.apply(this, arguments);
    tunnel(options.host || 'localhost', options.port || 443, (error, socket) => {
      if (error) return callback(error);
      try {
        callback(null, connect.call(this, { ...options, socket }));
      } catch (e) {
        socket.destroy();
        callback(e);
      }
    });
  };

  // fetch is loaded at its first use, and only then has an agent that ours can be made of.
  const original = global.fetch;
  if (isBuiltIn || typeof original !== 'function') return;
  const dispatcher = Symbol.for('undici.globalDispatcher.1');
  const wrapped = function fetch(input, init = undefined) {
    if (global.fetch === wrapped) global.fetch = original;
    try {
      useTunnels();
    } catch {}
    return original(input, init);
  };
  let done = global[dispatcher] !== undefined; // somebody else chose already
  function useTunnels() {
    if (done) return;
    done = true;
    if (global[dispatcher] !== undefined) return;
    void global.Response; // loads it
    const Agent = global[dispatcher] && global[dispatcher].constructor;
    if (!Agent || Agent.name !== 'Agent') return;
    const tls = require('tls');
    const net = require('net');
    global[dispatcher] = new Agent({
      connect({ protocol, hostname, port, servername }, callback) {
        const secure = protocol === 'https:';
        const host = hostname.replace(/^\[|\]$/g, '');
        const number = Number(port) || (secure ? 443 : 80);
        const finish = socket => {
          const name = servername || (net.isIP(host) ? undefined : host);
          const options = { servername: name, ALPNProtocols: ['http/1.1'] };
          const stream = secure ? tls.connect(socket ? { ...options, socket } : { ...options, host, port: number }) : net.connect({ host, port: number });
          const fail = error => callback(error);
          stream.setNoDelay(true);
          stream.once('error', fail);
          stream.once(secure ? 'secureConnect' : 'connect', () => {
            stream.removeListener('error', fail);
            callback(null, stream);
          });
        };
        if (!secure || isDirect(direct, host, number)) finish(null);
        else tunnel(host, number, (error, socket) => (error ? callback(error) : finish(socket)));
      },
    });
  }
  Object.defineProperty(global, 'fetch', { configurable: true, enumerable: true, writable: true, value: wrapped });
}

// Names stand for themselves and for what is below them, `.name` and `*.name` likewise; addresses, IPv4 blocks, ports, `*`.
function parseNoProxy(list) {
  return list.split(/[\s,]+/).filter(Boolean).map(entry => {
    if (entry === '*') return () => true;
    const block = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(entry);
    if (block) {
      const mask = block[5] === '0' ? 0 : (~0 << (32 - Number(block[5]))) >>> 0;
      const network = (number(block.slice(1, 5)) & mask) >>> 0;
      return host => /^\d+\.\d+\.\d+\.\d+$/.test(host) && ((number(host.split('.')) & mask) >>> 0) === network;
    }
    const [, name, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.split(':').length > 2 && !entry.startsWith('[') ? `[${entry}]` : entry);
    const suffix = name.toLowerCase().replace(/^\*?\./, '');
    return (host, at) => (!port || Number(port) === Number(at)) && (host === suffix || host.endsWith(`.${suffix}`));
  });
}

function number(octets) {
  return octets.reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function isDirect(rules, host, port) {
  const name = String(host || 'localhost').toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return name === 'localhost' || name === '::1' || name.startsWith('127.') || rules.some(rule => rule(name, port || 443));
}
