import type { RouteSamples } from '../route-sample.ts';
import { metricsToken } from '../world.ts';

/** For machines that watch. */
export const opsSamples: RouteSamples = {
  'GET /live': { ask: () => ({}) },
  'GET /ready': { ask: () => ({}) },
  'GET /metrics': {
    ask: () => ({ by: metricsToken }),
    problems: {
      unauthorized: () => ({}),
      not_found: ({ service }) => ({ at: service.app }),
    },
  },
};
