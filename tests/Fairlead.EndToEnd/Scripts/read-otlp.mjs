// node read-otlp.mjs FILE...: what OpenTelemetry's own code reads in requests of OTLP logs, a line of JSON for each record.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = createRequire(import.meta.url)('../../node_modules/@opentelemetry/otlp-transformer/build/src/generated/root.js');
const request = root.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;
const valueOf = (value) => value.stringValue ?? Number(value.intValue);
const attributesOf = (list) => Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));
for (const file of process.argv.slice(2)) {
  for (const resource of request.toObject(request.decode(readFileSync(file)), { longs: String }).resourceLogs) {
    for (const scope of resource.scopeLogs) {
      for (const log of scope.logRecords) {
        console.log(JSON.stringify({
          resource: attributesOf(resource.resource.attributes), scope: scope.scope.name, time: log.timeUnixNano, severity: log.severityText,
          body: log.body.stringValue, attributes: attributesOf(log.attributes),
        }));
      }
    }
  }
}
