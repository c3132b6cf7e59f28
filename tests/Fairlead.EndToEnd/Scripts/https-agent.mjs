// node https-agent.mjs URL: a GET through HTTPS_PROXY, with the smallest agent that can CONNECT.
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

const url = new URL(process.argv[2]);
const proxy = new URL(process.env.HTTPS_PROXY);

class ConnectAgent extends https.Agent {
  createConnection(options, callback) {
    http
      .request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: `${options.host}:${options.port}` })
      .on('connect', (response, socket) => {
        if (response.statusCode !== 200) return callback(new Error(`CONNECT was answered with ${response.statusCode}`));
        callback(null, tls.connect({ socket, servername: options.host }));
      })
      .on('error', callback)
      .end();
  }
}

https
  .get(url, { agent: new ConnectAgent() }, (response) => response.pipe(process.stdout))
  .on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
