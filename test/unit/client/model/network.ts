import type { Answer } from '../../../../src/client/index.ts';
import type { Facts } from './facts.ts';
import { type Arrive, Knowledge } from './knowledge.ts';
import { responseOf, StreamBody } from './response.ts';

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

/** The longest way of a report, milliseconds, and how long a silent stream is trusted after its last sign. */
export const reportMs = 400;
const silenceMs = 35_000;

/** A network between the client and the facts, whose `fetch` the client gets. */
export class Network {
  weather: Weather = 'works';
  delays: Delays = { there: 5, back: 5, event: 5, cache: 0 };
  /** Requests for entitlements that were sent and have no outcome yet. */
  inFlight = 0;
  requests = 0;
  /** What reached the client. */
  readonly knowledge = new Knowledge();
  readonly #facts: Facts;
  #stream: Stream | undefined;
  #isSilent = false;
  /** When the present stream last gave a sign of life and every older change had arrived; null = never. */
  #heardAt: number | null = null;
  /** Events until here were delivered, or lost. */
  #deliveredAt = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.onChange = () => {
      this.#pump();
    };
  }

  /** The instant until which the client has every change, but for their way; null = the stream does not work. */
  get reportedUntil(): number | null {
    if (!this.#isSilent) return this.#hasAll ? Date.now() : null;
    const isTrusted = this.#heardAt !== null && Date.now() < this.#heardAt + silenceMs;
    return isTrusted ? this.#heardAt : null;
  }

  get #hasAll(): boolean {
    const stream = this.#stream;
    if (stream?.isReady !== true) return false;
    return stream.onWay.every((recordedAt) => recordedAt > Date.now() - reportMs);
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
    const userIds = usersOf(url, body as string | undefined);
    const arrive: Arrive = this.knowledge.ask(userIds, url.searchParams.get('at'));
    try {
      await this.#way(signal, this.delays.there);
      const seenAt = this.#seenAt(url);
      const answer = this.#answer(url, userIds, seenAt);
      await this.#way(signal, this.delays.back);
      arrive(answer.answers ?? [], seenAt);
      return responseOf(answer.status, answer.body);
    } finally {
      this.inFlight -= 1;
    }
  };

  async #way(signal: AbortSignal, ms: number): Promise<void> {
    if (this.weather === 'refuses') throw new TypeError('fetch failed');
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
      // Runs on the fake timers of the tests, as every timer of this model does.
      if (this.weather !== 'hangs') setTimeout(resolve, ms);
    });
  }

  /** Batches are answered by a cache of the service, which may be late. */
  #seenAt(url: URL): number {
    return Date.now() - (url.pathname.endsWith('/batch') ? this.delays.cache : 0);
  }

  #answer(
    url: URL,
    userIds: readonly string[],
    seenAt: number,
  ): { status: number; body: object; answers?: Answer[] } {
    if (this.weather === 'fails') return { status: 503, body: { code: 'not_ready' } };
    const facts = this.#facts;
    if (url.pathname.endsWith('/changes')) {
      const after = Number(url.searchParams.get('after'));
      if (after < facts.keptFrom) return { status: 410, body: { code: 'cursor_expired' } };
      return { status: 200, body: { data: facts.feed.slice(after), next_cursor: '-' } };
    }
    const at = url.searchParams.get('at');
    const instant = at === null ? Date.now() : Date.parse(at);
    const answers = userIds.map((id) => facts.answer(id, facts.versionAt(id, seenAt), instant));
    const [first = {}] = answers;
    return {
      ...{ status: 200, answers },
      body: url.pathname.endsWith('/batch') ? { data: answers } : first,
    };
  }

  #openStream(lastEventId: string | undefined, signal: AbortSignal): Response {
    if (this.weather === 'fails') return responseOf(503, {});
    this.cut();
    this.#isSilent = false;
    this.#heardAt = null;
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
      if (lastEventId === undefined) this.knowledge.gap();
    });
    if (from < this.#facts.keptFrom) {
      stream.position = last;
      this.#send(stream, eventText('reset', String(last)), () => {
        this.knowledge.gap();
      });
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
        this.knowledge.report(change);
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
      if (this.#hasAll) this.#heardAt = Date.now();
    }, this.#deliveredAt - Date.now());
  }
}

/** Returns the users whose answers a request asks for. */
function usersOf(url: URL, body: string | undefined): string[] {
  if (body !== undefined) return (JSON.parse(body) as { user_ids: string[] }).user_ids;
  const userId = url.searchParams.get('user_id');
  return userId === null ? [] : [userId];
}

function eventText(event: string, id: string, data: object = { cursor: id }): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}
