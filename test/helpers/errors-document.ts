import { STATUS_CODES } from 'node:http';
import { format, resolveConfig } from 'prettier';
import { problems } from '../../src/http/problem-table.ts';

const introduction = `# Errors

Every error response is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) of type \`application/problem+json\`:

\`\`\`json
{
  "type": "urn:latchkey:problem:window_invalid",
  "title": "${problems.window_invalid.title}",
  "status": ${problems.window_invalid.status},
  "code": "window_invalid",
  "detail": "\`valid_to\` must be after \`valid_from\`.",
  "request_id": "01ja…",
  "errors": [{ "path": "valid_to", "message": "must be after \`valid_from\`" }]
}
\`\`\`

Let programs decide by \`code\`: it never changes its meaning. \`type\` is the same code as a URN, and it does not resolve; its section is on this page. \`detail\` says what is wrong in this request and what to do. \`errors\` lists the invalid fields. The log has a line with the same \`request_id\`.

Retry a 429 and a 503 after the seconds in \`Retry-After\`, and a 500 and a 502 with the same \`Idempotency-Key\`. Any other error returns until the request, or what it is about, changes.

This page is generated from \`src/http/problem-table.ts\`, and the tests fail if it differs. To generate it again: \`npx vitest run test/unit/problem.test.ts -u\`.`;

/** Renders docs/errors.md from the table of problems, formatted as `npm run format` would. */
export async function renderErrors(path: string): Promise<string> {
  const byStatus = Map.groupBy(Object.entries(problems), ([, { status }]) => status);
  const sections = [...byStatus].map(([status, entries]) =>
    [
      `## ${status} ${STATUS_CODES[status] ?? ''}`,
      ...entries.flatMap(([code, { title, cause, remedy }]) => [
        `### ${code}`,
        `**${title}.** ${cause}`,
        `_What to do:_ ${remedy}`,
      ]),
    ].join('\n\n'),
  );
  const options = await resolveConfig(path);
  return format([introduction, ...sections].join('\n\n'), { ...options, parser: 'markdown' });
}
