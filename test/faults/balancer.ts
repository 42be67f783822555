import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * A minimal load balancer. It polls /ready, sends requests in turn to the ready instances, and retries on
 * another instance only if that is safe: nothing was sent yet (the connection was refused), or the request is
 * a GET. If no instance is ready, it tries all that listen, as cloud load balancers do ("fail open").
 */

const askReadyEveryMs = 500;
const readyWithinMs = 2_000;
const answerWithinMs = 30_000;

/** One request from the view of its client. */
export interface Served {
  method: string;
  /** Without the query. */
  path: string;
  /** Milliseconds of `performance.now()`. */
  startedAt: number;
  endedAt: number;
  status: number;
  /** The code of a problem. */
  code: string | null;
  /** The instance that answered; null if none did, and the balancer had to. */
  by: string | null;
  /** Instances that refused the connection, so that nothing was sent. */
  refusedBy: string[];
  /** Instances that got the request, and whose connection broke before the answer. */
  cutBy: string[];
}

export interface Target {
  name: string;
  port: number;
}

type State = 'ready' | 'unready' | 'gone';

export interface Balancer {
  url: string;
  served: Served[];
  stateOf(name: string): State;
  close(): Promise<void>;
}

interface Backend extends Target {
  state: State;
  agent: Agent;
}

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/**
 * Starts the balancer.
 *
 * @param port of the loopback interface.
 */
export async function startBalancer(port: number, targets: readonly Target[]): Promise<Balancer> {
  const backends = targets.map((target): Backend => ({
    ...target,
    state: 'gone',
    agent: new Agent({ keepAlive: true }),
  }));
  const served: Served[] = [];
  let turn = 0;
  let closed = false;

  async function watch(backend: Backend): Promise<void> {
    while (!closed) {
      backend.state = await readiness(backend);
      await sleep(askReadyEveryMs);
    }
  }

  /** Returns the instances to try, the next in turn first. */
  function inTurn(): Backend[] {
    const ready = backends.filter(({ state }) => state === 'ready');
    const chosen = ready.length > 0 ? ready : backends.filter(({ state }) => state !== 'gone');
    turn += 1;
    const first = chosen.length === 0 ? 0 : turn % chosen.length;
    return [...chosen.slice(first), ...chosen.slice(0, first)];
  }

  async function forward(
    incoming: IncomingMessage,
    body: Buffer,
  ): Promise<Pick<Served, 'by' | 'refusedBy' | 'cutBy'> & { reply: Reply | null }> {
    const refusedBy: string[] = [];
    const cutBy: string[] = [];
    for (const backend of inTurn()) {
      try {
        const reply = await send(backend, incoming, body);
        return { reply, by: backend.name, refusedBy, cutBy };
      } catch (error) {
        if (isRefused(error)) {
          backend.state = 'gone';
          refusedBy.push(backend.name);
        } else {
          cutBy.push(backend.name);
          if (incoming.method !== 'GET') break;
        }
      }
    }
    return { reply: null, by: null, refusedBy, cutBy };
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const body = await collect(incoming);
    const { reply, ...ways } = await forward(incoming, body);
    const status = reply?.status ?? 502;
    const headers: IncomingHttpHeaders = reply?.headers ?? {};
    served.push({
      method: incoming.method ?? '',
      path: (incoming.url ?? '').split('?')[0] ?? '',
      ...{ startedAt, endedAt: performance.now(), status, ...ways },
      code: status >= 400 && reply !== null ? codeOf(reply.body) : null,
    });
    outgoing.writeHead(status, passedOn(headers));
    outgoing.end(reply?.body ?? '{}');
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  // The balancer never closes a connection that its client is about to use.
  server.keepAliveTimeout = 0;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const watching = backends.map(watch);
  return {
    url: `http://127.0.0.1:${port}`,
    served,
    stateOf: (name) => backends.find((backend) => backend.name === name)?.state ?? 'gone',
    async close() {
      closed = true;
      server.closeAllConnections();
      server.close();
      for (const { agent } of backends) agent.destroy();
      await Promise.all(watching);
    },
  };
}

async function readiness({ port }: Target): Promise<State> {
  try {
    const { status } = await fetch(`http://127.0.0.1:${port}/ready`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(readyWithinMs),
    });
    return status === 200 ? 'ready' : 'unready';
  } catch (error) {
    // A slow instance is not down.
    return isRefused(error) ? 'gone' : 'unready';
  }
}

/** Returns whether the connection was refused, so that nothing was sent; `fetch` reports it in the cause. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ECONNREFUSED') || isRefused(error.cause);
}

/** @throws the network's error if the answer was incomplete. */
function send({ port, agent }: Backend, incoming: IncomingMessage, body: Buffer): Promise<Reply> {
  const { method, url: path } = incoming;
  const headers = passedOn(incoming.headers);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method, path, headers, agent, timeout: answerWithinMs },
      (answer) => {
        collect(answer).then((received) => {
          resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: received });
        }, reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Drops hop-by-hop headers. */
function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const ofConnection = ['connection', 'keep-alive', 'transfer-encoding'];
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !ofConnection.includes(name)),
  );
}

function codeOf(body: Buffer): string | null {
  return /"code":"(\w+)"/.exec(body.toString())?.[1] ?? null;
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer); // no encoding was set
  return Buffer.concat(chunks);
}
