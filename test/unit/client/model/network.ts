import type { Answer } from '../../../../src/client/index.ts';
import type { Facts } from './facts.ts';

/** How the network treats new requests. */
export type Weather = 'works' | 'refuses' | 'hangs' | 'fails';

interface Stream {
  position: number;
  isReady: boolean;
  body: StreamBody;
  /** When the changes were recorded that are on their way, in order. */
  onWay: number[];
}

/** How long parts of the way take, milliseconds. */
export interface Delays {
  /** Up to the service and back. */
  there: number;
  back: number;
  /** Of each event of a stream. */
  event: number;
  /** How long a cache of the service may lack a change that the feed reported already. */
  cache: number;
}

/** The longest delay of an event, milliseconds, and a little. */
export const maxDelayMs = 400;

/** A network between the client and the facts, whose `fetch` the client gets. */
export class Network {
  weather: Weather = 'works';
  delays: Delays = { there: 5, back: 5, event: 5, cache: 0 };
  /** Requests for entitlements that were sent and have no outcome yet. */
  inFlight = 0;
  requests = 0;
  /** Called with the answer of a user that reached the client, and the instant for which it was asked. */
  onAnswer: (userId: string, at: string | null) => void = () => undefined;
  #hasStaleCache = false;
  #gapAt = 0;
  readonly #facts: Facts;
  #stream: Stream | undefined;
  #isSilent = false;
  /** Events until here were delivered, or lost. */
  #deliveredAt = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.onChange = () => {
      this.#pump();
    };
  }

  /** Whether the client has every event that is older than the longest delay. */
  get isLive(): boolean {
    const stream = this.#stream;
    if (stream === undefined || !stream.isReady || this.#isSilent) return false;
    // What a stale cache answered right after a gap is loaded again after a minute.
    if (this.#hasStaleCache && Date.now() < this.#gapAt + 122_000) return false;
    return stream.onWay.every((recordedAt) => recordedAt > Date.now() - maxDelayMs);
  }

  cut(): void {
    this.#end(this.#stream);
  }

  /** Leaves the present stream half-open: nothing arrives, and it does not end. */
  silence(): void {
    this.#isSilent = this.#stream !== undefined;
  }

  /** Sends what keeps a stream alive. */
  comment(): void {
    if (this.#stream !== undefined && !this.#isSilent) this.#send(this.#stream, ':\n\n');
  }

  readonly fetch: typeof fetch = async (input, { signal, headers, body } = {}) => {
    if (signal === undefined || signal === null) throw new Error('a request without a time limit');
    const url = new URL(input); // the client passes text
    if (url.pathname.endsWith('/stream')) {
      await this.#way(signal, this.delays.there);
      return this.#openStream((headers as Record<string, string>)['last-event-id'], signal);
    }
    this.requests += 1;
    this.inFlight += 1;
    try {
      await this.#way(signal, this.delays.there);
      const answer = this.#answer(url, body as string | undefined);
      await this.#way(signal, this.delays.back);
      for (const { user_id: userId } of answer.answers ?? []) {
        // One that a change overtakes is not kept if the change cannot be loaded.
        if (!this.#hasChanged(userId)) this.onAnswer(userId, url.searchParams.get('at'));
      }
      return responseOf(answer.status, answer.body);
    } finally {
      this.inFlight -= 1;
    }
  };

  /** Whether a user changed while a request may have been on its way. */
  #hasChanged(userId: string): boolean {
    return this.#facts.feed.some(
      (change) => change.user_id === userId && Date.parse(change.at) > Date.now() - 1_500,
    );
  }

  async #way(signal: AbortSignal, ms: number): Promise<void> {
    if (this.weather === 'refuses') throw new TypeError('fetch failed');
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
      if (this.weather !== 'hangs') setTimeout(resolve, ms);
    });
  }

  #answer(
    url: URL,
    body: string | undefined,
  ): { status: number; body: object; answers?: Answer[] } {
    if (this.weather === 'fails') return { status: 503, body: { code: 'not_ready' } };
    const facts = this.#facts;
    if (url.pathname.endsWith('/changes')) {
      const after = Number(url.searchParams.get('after'));
      if (after < facts.keptFrom) return { status: 410, body: { code: 'cursor_expired' } };
      return { status: 200, body: { data: facts.feed.slice(after), next_cursor: '-' } };
    }
    if (body !== undefined) {
      const { user_ids: users } = JSON.parse(body) as { user_ids: string[] };
      const seenAt = Date.now() - this.delays.cache;
      const data = users.map((id) => facts.answer(id, facts.versionAt(id, seenAt), Date.now()));
      this.#hasStaleCache ||= this.delays.cache > 0;
      return { status: 200, body: { data }, answers: data };
    }
    const userId = url.searchParams.get('user_id') ?? '';
    const at = url.searchParams.get('at');
    const instant = at === null ? Date.now() : Date.parse(at);
    const answer = facts.answer(userId, facts.versionAt(userId, Date.now()), instant);
    return { status: 200, body: answer, answers: [answer] };
  }

  #openStream(lastEventId: string | undefined, signal: AbortSignal): Response {
    if (this.weather === 'fails') return responseOf(503, {});
    this.cut();
    this.#isSilent = false;
    const last = this.#facts.feed.length;
    const from = lastEventId === undefined ? last : Number(lastEventId);
    const body = new StreamBody();
    const stream: Stream = { position: from, isReady: false, body, onWay: [] };
    signal.addEventListener('abort', () => {
      this.#end(stream);
    });
    this.#stream = stream;
    this.#send(stream, eventText('ready', String(from)), () => {
      stream.isReady = true;
    });
    if (lastEventId === undefined) this.#gapAt = Date.now() + maxDelayMs;
    if (from < this.#facts.keptFrom) {
      this.#gapAt = Date.now() + maxDelayMs;
      stream.position = last;
      this.#send(stream, eventText('reset', String(last)));
    }
    this.#pump();
    return responseOf(200, {}, body);
  }

  #end(stream: Stream | undefined): void {
    if (this.#stream === stream) this.#stream = undefined;
    stream?.body.fail();
  }

  /** Sends what the stream has not been sent. */
  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    for (const change of this.#facts.feed.slice(stream.position)) {
      stream.position += 1;
      stream.onWay.push(Date.parse(change.recorded_at));
      this.#send(stream, eventText('change', change.cursor, change), () => {
        stream.onWay.shift();
      });
    }
  }

  /** Delivers text after the delay, in order; never while the stream is half-open. */
  #send(stream: Stream, text: string, onSent?: () => void): void {
    this.#deliveredAt = Math.max(this.#deliveredAt, Date.now() + this.delays.event);
    setTimeout(() => {
      if (this.#stream !== stream || this.#isSilent) return;
      stream.body.write(text);
      onSent?.();
    }, this.#deliveredAt - Date.now());
  }
}

function eventText(event: string, id: string, data: object = { cursor: id }): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The body of a stream, whose reads resolve without leaving the fake clock. */
class StreamBody {
  readonly #parts: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #hasFailed = false;

  write(text: string): void {
    this.#parts.push(new TextEncoder().encode(text));
    this.#wake();
  }

  fail(): void {
    this.#hasFailed = true;
    this.#wake();
  }

  getReader(): { read(): Promise<{ done: boolean; value: Uint8Array | undefined }> } {
    return {
      read: async () => {
        while (this.#parts.length === 0 && !this.#hasFailed) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (this.#hasFailed) throw new Error('cut');
        return { done: false, value: this.#parts.shift() };
      },
    };
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }
}

/** Returns a response whose body is read in the fake clock's time; a body of its own is read outside of it. */
function responseOf(status: number, json: object, body = new StreamBody()): Response {
  return Object.defineProperties(new Response(null, { status }), {
    json: { value: () => Promise.resolve(json) },
    body: { value: body },
  });
}
