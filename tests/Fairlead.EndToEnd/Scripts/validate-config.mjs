// node validate-config.mjs SCHEMA < JSON lines: a line for each, "valid" or what is wrong.
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';

const ajv = new Ajv2020({ allErrors: false, strict: true, allowUnionTypes: true, strictRequired: false });
const validate = ajv.compile(JSON.parse(readFileSync(process.argv[2], 'utf8')));
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  console.log(validate(JSON.parse(line)) ? 'valid' : ajv.errorsText(validate.errors));
}
