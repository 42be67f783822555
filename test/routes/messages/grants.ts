import type { Row } from './row.ts';

const grant = { user_id: 'u_1', feature_code: 'export', reason: 'a favour' };
const revoke = grant;

export const grants: readonly Row[] = [
  [
    'POST admin/grant',
    { ...grant, feature_code: 'exprt' },
    '404 feature_not_found',
    '`feature_code` names no feature of the project: create it with PUT /api/v1/admin/features/{feature_code}, or send a code that GET /api/v1/admin/features lists.',
  ],
  [
    'POST admin/grant',
    { ...grant, feature_code: 'former' },
    '404 feature_not_found',
    '`feature_code` names an archived feature: make it active again with PUT /api/v1/admin/features/{feature_code}.',
  ],
  [
    'POST admin/grant',
    { ...grant, feature_code: 'Export' },
    '400 bad_request',
    '`feature_code` must be 1 to 100 lowercase letters, digits, `_`, `.` or `-`, and begin with a letter or digit.',
  ],
  [
    'POST admin/grant',
    { user_id: 'u_1', feature_code: 'export' },
    '400 bad_request',
    '`reason` is required: send a string such as `support ticket 4711`.',
  ],
  ['POST admin/grant', { ...grant, reason: ' ' }, '400 bad_request', '`reason` must not be empty.'],
  [
    'POST admin/grant',
    { feature_code: 'export', reason: 'x' },
    '400 bad_request',
    '`user_id` is required: send a string such as `u_42`.',
  ],
  [
    'POST admin/grant',
    { ...grant, user_id: 42 },
    '400 bad_request',
    '`user_id` must be a string, not a number.',
  ],
  [
    'POST admin/grant',
    { ...grant, userId: 'u_1' },
    '400 bad_request',
    '`userId` is not known: use one of `user_id`, `feature_code`, `value`, `valid_from`, `valid_to`, `project_id`, `reason`, or leave it out.',
  ],
  [
    'POST admin/grant',
    { ...grant, value: false },
    '400 bad_request',
    '`value` must be `true`: the feature is a `boolean`.',
  ],
  [
    'POST admin/grant',
    { ...grant, value: null },
    '400 bad_request',
    '`value` must be JSON other than `null`, of at most 16,384 characters and 32 levels.',
  ],
  [
    'POST admin/grant',
    { ...grant, feature_code: 'seats' },
    '400 bad_request',
    '`value` is required because the feature is a `limit`: send a whole number, or `"unlimited"`.',
  ],
  [
    'POST admin/grant',
    { ...grant, feature_code: 'seats', value: '5' },
    '400 bad_request',
    '`value` must be a whole number of at least 1, or `"unlimited"`: the feature is a `limit`.',
  ],
  [
    'POST admin/grant',
    { ...grant, valid_to: '2026-12-01T00:00:00' },
    '400 bad_request',
    '`valid_to` must be an ISO 8601 timestamp with a UTC offset, such as `2026-11-01T00:00:00Z`.',
  ],
  [
    'POST admin/grant',
    { ...grant, valid_to: '2026-12-01' },
    '400 bad_request',
    '`valid_to` must be an ISO 8601 timestamp with a UTC offset, such as `2026-11-01T00:00:00Z`.',
  ],
  [
    'POST admin/grant',
    { ...grant, valid_to: 1796083200 },
    '400 bad_request',
    '`valid_to` must be an ISO 8601 timestamp with a UTC offset, such as `2026-11-01T00:00:00Z`.',
  ],
  [
    'POST admin/grant',
    { ...grant, valid_to: '2026-10-01T00:00:00Z' },
    '422 window_invalid',
    '`valid_to` must be after `valid_from`, which is now.',
  ],
  [
    'POST admin/grant',
    { ...grant, valid_from: '2026-12-01T00:00:00Z', valid_to: '2026-12-01T00:00:00Z' },
    '422 window_invalid',
    '`valid_to` must be after `valid_from`.',
  ],
  ['POST admin/grant', [grant], '400 bad_request', 'The body must be an object, not an array.'],
  [
    'POST admin/grants/bulk',
    [grant],
    '400 bad_request',
    'The body must be an object, not an array.',
  ],
  [
    'POST admin/grants/bulk',
    { grants: grant, reason: 'x' },
    '400 bad_request',
    '`grants` must be an array, not an object.',
  ],
  [
    'POST admin/grants/bulk',
    { grants: [], reason: 'x' },
    '400 bad_request',
    '`grants` must have at least 1 item.',
  ],
  [
    'POST admin/grants/bulk',
    { grants: [['u_1', 'export']], reason: 'x' },
    '400 bad_request',
    '`grants[0]` must be an object, not an array.',
  ],
  [
    'POST admin/grants/bulk',
    {
      grants: [
        { user_id: 'u_1', feature_code: 'export' },
        { user_id: 'u_2', feature_code: 'exprt' },
      ],
      reason: 'x',
    },
    '404 feature_not_found',
    'Nothing was granted. `grants[1].feature_code` names no feature of the project: create it with PUT /api/v1/admin/features/{feature_code}, or send a code that GET /api/v1/admin/features lists.',
  ],
  [
    'POST admin/grants/bulk',
    {
      grants: [
        { user_id: 'u_1' },
        { feature_code: 'export' },
        { ...grant },
        { user_id: '', feature_code: 'export' },
      ],
      reason: 'x',
    },
    '400 bad_request',
    '`grants[0].feature_code` is required: send a string such as `export`. `grants[1].user_id` is required: send a string such as `u_42`. `grants[2].reason` is not known: use one of `user_id`, `feature_code`, `value`, `valid_from`, `valid_to`, or leave it out. `errors` lists 1 more.',
  ],
  [
    'POST admin/grants/bulk',
    { grants: [{ user_id: 'u_1', feature_code: 'export' }], atomic: 'no', reason: 'x' },
    '400 bad_request',
    '`atomic` must be `true` or `false`, not a string.',
  ],
  [
    'POST admin/revoke',
    { ...revoke, feature_code: 'exprt' },
    '404 feature_not_found',
    '`feature_code` names no feature of the project: create it with PUT /api/v1/admin/features/{feature_code}, or send a code that GET /api/v1/admin/features lists.',
  ],
  [
    'POST admin/revoke',
    { user_id: 'u_1', reason: 'x' },
    '400 bad_request',
    '`feature_code` is required without `grant_id`.',
  ],
  [
    'POST admin/revoke',
    { grant_id: 'gr_none', reason: 'x' },
    '404 grant_not_found',
    '`grant_id` names no grant of the project: GET /api/v1/admin/grants lists the grants.',
  ],
  [
    'POST admin/revoke',
    { grant_id: 'rv_1', reason: 'x' },
    '404 grant_not_found',
    '`grant_id` is the id of a revocation: send the id of a grant, which begins with `gr_`.',
  ],
  [
    'POST admin/revoke',
    { ...revoke, grant_id: 'gr_1' },
    '400 bad_request',
    '`user_id` must be left out with `grant_id`, which names one grant. `feature_code` must be left out with `grant_id`, which names one grant.',
  ],
  [
    'POST admin/revoke',
    { ...revoke, grants_only: true, block: true },
    '400 bad_request',
    '`block` must be left out with `grants_only`, which ends grants now: to revoke the feature, leave out `grants_only`.',
  ],
  [
    'DELETE admin/revocations/gr_1?reason=x',
    undefined,
    '404 revocation_not_found',
    '`id` is the id of a grant: send the id of a revocation, which begins with `rv_`.',
  ],
  [
    'DELETE admin/revocations/rv_1',
    undefined,
    '400 bad_request',
    '`reason` in the query is required: send a string such as `support ticket 4711`.',
  ],
  [
    'GET admin/grants?active=yes',
    undefined,
    '400 bad_request',
    '`active` in the query must be one of `true`, `false`.',
  ],
];
