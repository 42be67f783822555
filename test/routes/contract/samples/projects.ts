import type { RouteSamples } from '../route-sample.ts';

/** Projects, their keys, and what became of a change. */
export const projectSamples: RouteSamples = {
  'POST /api/v1/admin/projects': {
    make: (world) => Promise.resolve({ project: world.fresh() }),
    ask: ({ project }) => ({ body: { id: project, name: 'A sample' } }),
    problems: { project_exists: () => ({ body: { id: 'notes', name: 'Again' } }) },
  },
  'GET /api/v1/admin/projects': { ask: () => ({}) },
  'GET /api/v1/admin/projects/{id}': { ask: ({ project }) => ({ params: { id: project } }) },
  'PATCH /api/v1/admin/projects/{id}': {
    ask: ({ project }) => ({ params: { id: project }, body: { name: 'Notes, renamed' } }),
  },
  'GET /api/v1/admin/refreshes/{id}': { ask: ({ refresh }) => ({ params: { id: refresh } }) },
  'POST /api/v1/admin/projects/{id}/keys': {
    ask: ({ project }) => ({ params: { id: project }, body: { name: 'app', scopes: ['read'] } }),
    problems: {
      window_invalid: ({ ids }) => ({
        params: { id: ids.project },
        body: { name: 'late', scopes: ['read'], expires_at: '2000-01-01T00:00:00Z' },
      }),
    },
  },
  'GET /api/v1/admin/projects/{id}/keys': { ask: ({ project }) => ({ params: { id: project } }) },
  'DELETE /api/v1/admin/projects/{id}/keys/{key_id}': {
    make: async (world) => ({ key: (await world.keyOf(['read'])).id }),
    ask: ({ project, key }) => ({ params: { id: project, key_id: key } }),
    problems: {
      key_not_found: ({ ids }) => ({ params: { id: ids.project, key_id: 'key_nothing' } }),
    },
  },
};
