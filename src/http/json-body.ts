import type { App } from './app-types.ts';
import { isTooDeep, maxJsonDepth } from './json-depth.ts';
import { ProblemError } from './problem.ts';

const tooDeep = `The body nests deeper than ${maxJsonDepth} levels. Send a flatter body.`;

/**
 * What only Fastify's parser handles, which costs several times as much as `JSON.parse`: keys that set a
 * prototype, escapes that may spell them, and a byte order mark.
 */
const needsSlowParser = /__proto__|constructor|\\u|^\uFEFF/;

/**
 * Rejects every body except JSON with a 415 response. An empty body counts as no body, whatever its
 * `Content-Type`, because a client may send the same headers with every request, including DELETE.
 */
export function acceptOnlyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    (request, body: string, done) => {
      const refuse = () => {
        done(new ProblemError('bad_request', whyNotJson(body)));
      };
      if (body === '') done(null, undefined);
      else if (isTooDeep(body)) done(new ProblemError('bad_request', tooDeep));
      else if (needsSlowParser.test(body)) {
        void parse(request, body, (error, parsed) => {
          if (error === null) done(null, parsed);
          else refuse();
        });
      } else {
        const parsed = parseJson(body);
        if (parsed === undefined) refuse();
        else done(null, parsed);
      }
    },
  );
}

/** Parses JSON; undefined if the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns why a body is not valid JSON, including the position if Node reports it. */
function whyNotJson(body: string): string {
  try {
    JSON.parse(body);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    return `The body is not valid JSON${place === undefined ? '' : ` ${place}`}.`;
  }
  return 'The body must not contain the keys `__proto__` and `constructor.prototype`.';
}

/** Returns the problem for a body without a JSON content type. */
export function notSentAsJson(contentType: string | undefined): ProblemError {
  const given = contentType === undefined ? 'none' : `\`${contentType.slice(0, 100)}\``;
  return new ProblemError(
    'unsupported_media_type',
    `Send the header \`Content-Type: application/json\`: the request has ${given}.`,
  );
}
