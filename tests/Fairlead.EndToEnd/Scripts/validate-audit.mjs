// node validate-audit.mjs SCHEMA FILE: exit code 1 and one line per broken record.
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const [schemaFile, file] = process.argv.slice(2);
const ajv = new Ajv2020({ allErrors: true, strict: false });
addFormats(ajv);
const validate = ajv.compile(JSON.parse(readFileSync(schemaFile, 'utf8')));

const problems = [];
// What a crash tore, until a record says that it was seen.
let torn = [];
const seen = { tunnel: new Set(), request: new Set(), intent: new Set() };
const text = readFileSync(file, 'utf8');
if (text !== '' && !text.endsWith('\n')) problems.push('the last line has no end');
for (const [index, line] of text.split('\n').filter(Boolean).entries()) {
  let record;
  try {
    record = JSON.parse(line);
  } catch (error) {
    torn.push(`line ${index + 1} is not JSON: ${line}`);
    continue;
  }
  if (record.type !== 'repaired') problems.push(...torn);
  torn = [];
  if (!validate(record)) problems.push(`line ${index + 1}: ${ajv.errorsText(validate.errors)}: ${line}`);
  const id = record.type === 'intent' ? (record.request ?? record.tunnel) : record[record.type];
  if (seen[record.type]?.has(id)) problems.push(`line ${index + 1}: a second record of ${record.type} ${id}`);
  seen[record.type]?.add(id);
}
problems.push(...torn);
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
