import { readFileSync } from 'node:fs';
import { createHistogram, performance } from 'node:perf_hooks';
import autocannon from 'autocannon';

/** One request. */
export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** The expected answer; every answer is compared with it. */
  right: { status: number; body: string | RegExp };
  /** Called with each answer, right or wrong. */
  answered?: () => void;
}

/** The target of the load, and how the next request is made. */
export interface Load {
  server: Server;
  next: () => Ask;
}

/** A server under load, in a separate process. */
export interface Server {
  url: string;
  pid: number;
}

/** Returns the load that repeats one request. */
export function repeated(
  server: Server,
  { method = 'GET', ...rest }: Omit<Ask, 'method'> & Partial<Pick<Ask, 'method'>>,
): Load {
  const ask: Ask = { method, ...rest };
  return { server, next: () => ask };
}

export interface Measured {
  /** Right answers. */
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** CPU time of the server's process, user and system; null if the machine does not report it. */
  cpuMicrosecondsPerRequest: number | null;
  /** Wrong answers, and requests without one. */
  errors: number;
}

export interface LoadOptions {
  connections: number;
  seconds: number;
  /** Requests per second of all connections together; by default, each connection sends as fast as it can. */
  rate?: number;
}

/** Sends requests over open connections for a time, one at a time per connection, and checks each answer. */
export async function measure(load: Load, options: LoadOptions): Promise<Measured> {
  const latency = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 }); // microseconds
  let right = 0;
  let wrong = 0;
  const cpuBefore = cpuMicroseconds(load.server.pid);
  const startedAt = performance.now();
  const { errors } = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(
      {
        url: load.server.url,
        connections: options.connections,
        duration: options.seconds,
        ...(options.rate === undefined ? {} : { overallRate: options.rate }),
        setupClient: (client) => {
          // The pending request of this connection.
          let asked = load.next();
          client.setRequests([
            {
              setupRequest: (request) => {
                asked = load.next();
                const { method, path, headers, body } = asked;
                return {
                  ...request,
                  method,
                  path,
                  headers,
                  ...(body === undefined ? {} : { body }),
                };
              },
              onResponse: (status, body) => {
                if (isRight(asked, status, body)) right += 1;
                else wrong += 1;
                asked.answered?.();
              },
            },
          ]);
        },
      },
      (error: unknown, result) => {
        if (error instanceof Error) reject(error);
        else resolve(result);
      },
    );
    running.on('response', (_client, _status, _bytes, ms) => {
      latency.record(Math.max(1, Math.round(ms * 1_000)));
    });
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuAfter = cpuMicroseconds(load.server.pid);
  return {
    requestsPerSecond: right / seconds,
    p50Ms: latency.percentile(50) / 1_000,
    p99Ms: latency.percentile(99) / 1_000,
    cpuMicrosecondsPerRequest:
      cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / (right + wrong),
    errors: wrong + errors,
  };
}

function isRight({ right }: Ask, status: number, body: string): boolean {
  if (status !== right.status) return false;
  return typeof right.body === 'string' ? body === right.body : right.body.test(body);
}

/** Returns the CPU time of a process; Linux reports it in hundredths of a second. */
function cpuMicroseconds(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000; // utime, stime
  } catch {
    return null;
  }
}
