import { pino, type DestinationStream, type Logger } from 'pino';
import { describeError } from './redaction.ts';

export type { Logger } from 'pino';

/** Paths to values that must not be logged: credentials and personal data. */
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

/** Creates the process's logger: JSON lines with redacted secrets. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'latchkey' },
    redact: { paths: redactedPaths, censor: '[redacted]' },
    serializers: { err: (error: unknown) => describeError(error) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
