/** A received API request, whatever its outcome. */
export interface SeenRequest {
  method: string;
  path: string;
  /** The method and the path's pattern, such as `GET /v1/subscriptions/:id`. */
  endpoint: string;
  /** Epoch ms, by the sandbox's clock. */
  at: number;
  /** The response's status, or null if there was no response. */
  status: number | null;
}

/** The number of requests to an endpoint, by outcome. */
export interface EndpointCount {
  asked: number;
  /** Number of requests that got a 429. */
  limited: number;
  /** Number of requests that got a status of 400 or above, except 429. */
  refused: number;
}

/** Counts requests per endpoint, such as `GET /v1/subscriptions/:id`. */
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
