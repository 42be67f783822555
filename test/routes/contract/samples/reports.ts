import type { RouteSamples } from '../route-sample.ts';

const reversed = { from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z' };

/** The reports. */
export const reportSamples: RouteSamples = {
  'GET /api/v1/metrics': {
    ask: () => ({}),
    problems: { window_invalid: () => ({ query: reversed }) },
  },
  'GET /api/v1/metrics/daily': {
    ask: () => ({}),
    problems: { window_invalid: () => ({ query: reversed }) },
  },
};
