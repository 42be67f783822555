import { request } from 'node:http';

/** What a stream's client has seen. */
export interface StreamReader {
  /** Whether the client stopped reading, to be slow. */
  pause(): void;
  close(): void;
}

/** A change as a client sees it; instants in epoch milliseconds. */
export interface SeenChange {
  recordedAt: number;
  at: number;
  isBoundary: boolean;
  arrivedAt: number;
}

const recorded = /"cause":"(\w+)","at":"([^"]+)","recorded_at":"([^"]+)"/g;

/**
 * Opens a stream of changes, and resolves when it is ready. It reconnects when the server ends it. Parses no
 * more than it must, because a thousand clients share a core with the service.
 */
export async function openReader(
  url: string,
  key: string,
  onChange: (change: SeenChange) => void,
): Promise<StreamReader> {
  let isClosed = false;
  let isPaused = false;
  let end = (): void => undefined;
  let stop = (): void => undefined;

  function connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = request(`${url}/api/v1/changes/stream`, {
        agent: false,
        headers: { authorization: `Bearer ${key}` },
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        if (response.statusCode !== 200) {
          reject(new Error(`the stream answered ${response.statusCode}`));
          return;
        }
        end = () => response.destroy();
        stop = () => response.pause();
        if (isPaused) stop();
        let rest = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          resolve();
          const arrivedAt = Date.now();
          const text = rest + part;
          const whole = text.lastIndexOf('\n\n') + 2;
          rest = text.slice(whole);
          for (const [, cause, at = '', recordedAt = ''] of text
            .slice(0, whole)
            .matchAll(recorded)) {
            onChange({
              recordedAt: Date.parse(recordedAt),
              at: Date.parse(at),
              isBoundary: cause === 'boundary',
              arrivedAt,
            });
          }
        });
        response.on('error', () => undefined); // the server may break the connection
        response.once('close', () => {
          if (!isClosed) void connect().catch(() => undefined);
        });
      });
      sent.end();
    });
  }

  await connect();
  return {
    pause() {
      isPaused = true;
      stop();
    },
    close() {
      isClosed = true;
      end();
    },
  };
}
