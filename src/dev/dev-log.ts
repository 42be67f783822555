import pretty from 'pino-pretty';

/**
 * Creates a stream that prints the service's log for development: one short line per request, and all other
 * entries unchanged.
 */
export function createDevLog(stream: NodeJS.WriteStream): NodeJS.WritableStream {
  return pretty({
    destination: stream,
    sync: true,
    colorize: stream.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,service,reqId,route,method,asked,status,code,event,ms',
    messageFormat: (line, messageKey) => requestLine(line) ?? String(line[messageKey]),
  });
}

/** Returns the line for a completed request, or null for any other log entry. */
function requestLine(line: Record<string, unknown>): string | null {
  const { method, route, asked, status, code, event, ms } = line;
  if (typeof method !== 'string' || typeof route !== 'string') return null;
  const outcome = [status, code, event, `${String(ms)} ms`].flatMap((part) =>
    typeof part === 'string' || typeof part === 'number' ? [part] : [],
  );
  return `${typeof asked === 'string' ? asked : `${method} ${route}`} → ${outcome.join(', ')}`;
}
