/**
 * A wrong request, and the response that tells its sender what to change: request, body, status with code,
 * and the whole `detail`. A path without a leading `/` is relative to `/api/v1/`.
 */
export type Row = readonly [
  request: `${string} ${string}`,
  body: unknown,
  answer: `${number} ${string}`,
  detail: string,
  more?: {
    /** `admin`, the default: a key of the project `notes` with every scope. */
    key?: 'admin' | 'platform' | 'read' | 'none' | 'wrong';
    headers?: Readonly<Record<string, string>>;
  },
];
