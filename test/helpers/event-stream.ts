import { type IncomingMessage, request } from 'node:http';

/** An event of a stream, with its data parsed. */
interface StreamEvent {
  event: string;
  id: string;
  data: unknown;
}

/** A client of a stream of events. */
export interface StreamClient {
  status: number;
  headers: IncomingMessage['headers'];
  /** All events so far. */
  events: StreamEvent[];
  /** Resolves with the first `count` events. */
  take(count: number): Promise<StreamEvent[]>;
  /** Resolves when the server ends the stream. */
  ended: Promise<void>;
  /** Reads nothing from now on. */
  pause(): void;
  close(): void;
}

/** Opens a stream, and resolves with its head. */
export function openEventStream(
  url: string,
  key?: string,
  headers: Record<string, string> = {},
): Promise<StreamClient> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      agent: false,
      headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      resolve(clientOf(response));
    });
    sent.end();
  });
}

function clientOf(response: IncomingMessage): StreamClient {
  const events: StreamEvent[] = [];
  let waiting: { count: number; resolve: () => void }[] = [];
  let text = '';
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    events.push(...blocks.flatMap(eventOf));
    for (const { count, resolve } of waiting) if (events.length >= count) resolve();
    waiting = waiting.filter(({ count }) => events.length < count);
  });
  const ended = new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.once('error', () => undefined); // the server may break the connection
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    async take(count) {
      if (events.length < count) {
        await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      }
      return events.slice(0, count);
    },
    ended,
    pause: () => response.pause(),
    close: () => response.destroy(),
  };
}

function eventOf(block: string): StreamEvent[] {
  const fields = new Map(
    block.split('\n').map((line) => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)] as const;
    }),
  );
  const data = fields.get('data');
  if (data === undefined) return [];
  return [{ event: fields.get('event') ?? '', id: fields.get('id') ?? '', data: JSON.parse(data) }];
}
