// node node-client.mjs fetch|https|agent|post URL: a request as programs make it, with no word of a proxy.
import https from 'node:https';
import { text } from 'node:stream/consumers';

const [how, url] = process.argv.slice(2);

function get(options) {
  return new Promise((resolve, reject) => https.get(url, options, (response) => resolve(text(response))).on('error', reject));
}

switch (how) {
  case 'fetch': {
    // Twice at once, then on a connection that was kept.
    const bodies = await Promise.all([fetch(url), fetch(url)].map(async (answer) => (await answer).text()));
    bodies.push(await (await fetch(new Request(url))).text());
    if (new Set(bodies.map((body) => JSON.parse(body).target)).size !== 1) throw new Error('expected three answers alike');
    process.stdout.write(bodies[2]);
    break;
  }
  case 'post':
    process.stdout.write(await (await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })).text());
    break;
  case 'https':
    process.stdout.write(await get({}));
    break;
  case 'agent': {
    const agent = new https.Agent({ keepAlive: true });
    await get({ agent });
    process.stdout.write(await get({ agent }));
    agent.destroy();
    break;
  }
}
