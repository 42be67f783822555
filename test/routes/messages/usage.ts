import type { Row } from './row.ts';

const consume = { user_id: 'u_1', feature_code: 'export' };
const headers = { 'idempotency-key': 'a_message' };

export const usage: readonly Row[] = [
  [
    'POST usage/consume',
    consume,
    '400 bad_request',
    '`Idempotency-Key` is required, so that a retry changes nothing: send a unique key for each request.',
  ],
  [
    'POST usage/consume',
    consume,
    '422 feature_not_metered',
    '`feature_code` names the feature `export` of the type `boolean`: only a `metered` feature has usage.',
    { headers },
  ],
  [
    'POST usage/consume',
    consume,
    '403 scope_missing',
    'The API key lacks the scope `usage`. Create a key that has it: POST /api/v1/admin/projects/{id}/keys.',
    { key: 'read', headers },
  ],
  [
    'POST usage/holds/gr_1/settle',
    { amount: 1 },
    '404 hold_not_found',
    '`id` is the id of a grant: send the id of a hold, which begins with `uh_`.',
    { headers },
  ],
  [
    'DELETE usage/holds/uh_none',
    undefined,
    '404 hold_not_found',
    '`id` names no hold of the project: POST /api/v1/usage/holds returns the id.',
  ],
  [
    'POST usage/entries/uh_1/reverse',
    { reason: 'the job failed' },
    '404 entry_not_found',
    '`id` is the id of a hold: send the id of a usage entry, which begins with `ue_`.',
    { headers },
  ],
  [
    'GET usage/summary?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z',
    undefined,
    '422 window_invalid',
    '`to` must be after `from`.',
  ],
];
