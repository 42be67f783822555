import { z } from 'zod';
import { projectId } from './demo-catalog.ts';
import type { Step } from './walker.ts';

const user = 'u_44';

const changeShape = z.object({ audit_id: z.string(), revision: z.int() });

const auditShape = z.object({ data: z.array(z.object({ reason: z.string().nullable() })) });

/** Returns the steps that grant and revoke a feature by hand, and read the audit log. */
export function operatorSteps(): Step[] {
  const feature = { project_id: projectId, user_id: user, feature_code: 'notebooks' };
  return [
    {
      title: `An operator grants ${user} 500 notebooks`,
      async run(walker) {
        const body = { ...feature, value: 500, reason: 'beta tester' };
        const call = { method: 'POST', path: '/api/v1/admin/grant', body } as const;
        await walker.ask(call, { status: 201, shape: changeShape });
        await walker.expectCheck('the very next read shows it', user, 'notebooks', {
          allowed: true,
          reason: 'granted',
          value: 500,
          valid_to: null,
        });
      },
    },
    {
      title: 'The operator revokes them',
      async run(walker) {
        const body = { ...feature, reason: 'the beta is over' };
        const call = { method: 'POST', path: '/api/v1/admin/revoke', body } as const;
        await walker.ask(call, { status: 200, shape: changeShape });
        await walker.expectCheck('the very next read shows that, too', user, 'notebooks', {
          allowed: false,
          reason: 'revoked',
          value: null,
          valid_to: null,
        });
      },
    },
    {
      title: 'The audit log shows who made these changes, and why',
      async run(walker) {
        const call = { method: 'GET', path: `/api/v1/admin/audit?user_id=${user}` } as const;
        const { body } = await walker.ask(call, { status: 200, shape: auditShape });
        walker.expectEqual(
          'both are on record, the latest first, each with its reason',
          body.data.map(({ reason }) => reason),
          ['the beta is over', 'beta tester'],
        );
      },
    },
  ];
}
