/** An API request that was asked, whatever became of it. */
export interface SeenRequest {
  method: string;
  path: string;
  /** The method and the path's pattern, such as `GET /v1/subscriptions/:id`. */
  endpoint: string;
  /** Epoch ms, by the sandbox's clock. */
  at: number;
  /** Of the answer; null: there was none. */
  status: number | null;
}

/** How often an endpoint was asked. */
export interface EndpointCount {
  asked: number;
  /** Answered 429. */
  limited: number;
  /** Answered with any other status of 400 or above. */
  refused: number;
}

/** By endpoint, such as `GET /v1/subscriptions/:id`. */
export function countRequests(requests: readonly SeenRequest[]): Record<string, EndpointCount> {
  const counts: Record<string, EndpointCount> = {};
  for (const { endpoint, status } of requests) {
    const count = (counts[endpoint] ??= { asked: 0, limited: 0, refused: 0 });
    count.asked += 1;
    if (status === 429) {
      count.limited += 1;
    } else if (status !== null && status >= 400) {
      count.refused += 1;
    }
  }
  return counts;
}
