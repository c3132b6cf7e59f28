// node validate-har.mjs FILE: exit code 1 and what is wrong, unless it is an HTTP Archive 1.2.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const validate = createRequire(import.meta.url)('har-validator/lib/promise.js');
validate.har(JSON.parse(readFileSync(process.argv[2], 'utf8'))).catch((error) => {
  console.error(JSON.stringify(error.errors ?? String(error)));
  process.exit(1);
});
