import { pino, type DestinationStream, type Logger } from 'pino';
import { describeError } from './redaction.ts';

export type { Logger } from 'pino';

/** Paths whose values never reach the log: credentials, and what identifies a person. */
const redactedPaths = [
  'req.headers.authorization',
  'req.headers.cookie',
  'req.headers["stripe-signature"]',
  'headers.authorization',
  'key',
  'secret',
  'email',
  '*.key',
  '*.secret',
  '*.email',
];

/** The process's log: JSON lines, secrets taken out. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'latchkey' },
    redact: { paths: redactedPaths, censor: '[redacted]' },
    serializers: { err: (error: unknown) => describeError(error) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
