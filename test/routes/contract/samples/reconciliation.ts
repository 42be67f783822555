import { text } from '../../../helpers/json.ts';
import type { RouteSamples } from '../route-sample.ts';

/** The comparison with Stripe. */
export const reconciliationSamples: RouteSamples = {
  'POST /api/v1/admin/reconciliations': {
    ask: ({ user }) => ({ body: { user_id: user, dry_run: true } }),
  },
  'GET /api/v1/admin/reconciliations': { ask: () => ({}) },
  'GET /api/v1/admin/reconciliations/{id}': {
    ask: ({ reconciliation }) => ({ params: { id: reconciliation } }),
  },
  'GET /api/v1/admin/reconciliations/{id}/findings': {
    ask: ({ reconciliation }) => ({ params: { id: reconciliation } }),
  },
  'POST /api/v1/admin/reconciliations/{id}/force': {
    // No run of this world continues, so none becomes held.
    make: async ({ done, service }) => {
      const id = text(await done('POST', '/admin/reconciliations', {}), 'id');
      await service.deps.database.prisma.reconciliationRun.update({
        where: { id },
        data: { status: 'held' },
      });
      return { reconciliation: id };
    },
    ask: ({ reconciliation }) => ({ params: { id: reconciliation }, body: {} }),
    problems: {
      reconciliation_not_held: ({ ids }) => ({ params: { id: ids.reconciliation }, body: {} }),
    },
  },
};
