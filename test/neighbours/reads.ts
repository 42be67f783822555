import { Agent, request as send } from 'node:http';

interface ReadAnswer {
  /** 0 = no answer. */
  status: number;
  /** Latency, milliseconds. */
  ms: number;
  text: string;
}

export interface Reader {
  /**
   * Reads a user's entitlements.
   *
   * @param query what follows in the URL, with its `&`.
   */
  read(user: string, query?: string): Promise<ReadAnswer>;
  close(): void;
}

/** Creates a reader that keeps its connections. */
export function createReader(serviceUrl: string, key: string): Reader {
  const agent = new Agent({ keepAlive: true });
  const headers = { authorization: `Bearer ${key}` };
  function read(user: string, query = ''): Promise<ReadAnswer> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const end = (status: number, text: string): void => {
        resolve({ status, ms: performance.now() - startedAt, text });
      };
      const url = `${serviceUrl}/api/v1/entitlements?user_id=${user}${query}`;
      const request = send(url, { agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          end(response.statusCode ?? 0, text);
        });
      });
      request.on('error', () => {
        end(0, '');
      });
      request.end();
    });
  }
  return {
    read,
    close: () => {
      agent.destroy();
    },
  };
}
