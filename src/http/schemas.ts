import { z } from 'zod';
import { problems, type ProblemCode } from './problem-table.ts';
import { ProblemError } from './problem.ts';

/** A project's id, which is a slug because it appears in paths. */
export const projectIdSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be 1 to 63 lowercase letters, digits, `-` or `_`, and begin with a letter or digit',
  )
  .describe('The project; optional if the key belongs to one')
  .meta({ examples: ['notes'] });

/** Path segments that clients and proxies remove, even if they are encoded. No id may equal one of them. */
export const dotSegment = /^\.{1,2}$/;

/** Maximum length of an id, whether a project's or Stripe's, in UTF-16 units. */
const maxIdLength = 255;

/** A project's own id for a person: any printable string that is valid in a path. */
export const userIdSchema = z
  .string()
  .min(1)
  .max(maxIdLength)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not contain control characters or unpaired surrogates')
  .refine((id) => !dotSegment.test(id), 'must not be `.` or `..`')
  .describe("The project's own id for the person: any printable text except `.` and `..`")
  .meta({ examples: ['u_42'] });

const notStripeId = `must be a Stripe id: 1 to ${maxIdLength} visible ASCII characters, without / \\ ? # %`;

/** Stripe's ids, and custom product ids: visible ASCII without characters that have a meaning in a path. */
export const stripeIdSchema = z
  .string()
  .regex(new RegExp(`^[\\x21-\\x7e]{1,${maxIdLength}}$`), notStripeId)
  .refine((id) => !dotSegment.test(id) && !/[/\\?#%]/.test(id), notStripeId);

export const featureCodeSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_.-]{0,99}$/,
    'must be 1 to 100 lowercase letters, digits, `_`, `.` or `-`, and begin with a letter or digit',
  )
  .meta({ examples: ['export'] });

/** The first and last instant with a four-digit year, as ISO 8601 writes it. */
export const firstInstant = Date.parse('0001-01-01T00:00:00.000Z');
export const lastInstant = Date.parse('9999-12-31T23:59:59.999Z');

function faultOfInstant({ input }: { input: unknown }): string {
  const wanted = 'must be an ISO 8601 timestamp with a UTC offset, such as `2026-11-01T00:00:00Z`';
  const lostPlus = typeof input === 'string' && input.includes(' ');
  return lostPlus ? `${wanted}: in a query, write \`+\` as \`%2B\`` : wanted;
}

/** An instant in ISO 8601 with its offset, as epoch milliseconds. */
export const instantSchema = z.iso
  .datetime({ offset: true, error: faultOfInstant })
  .transform((text) => Date.parse(text))
  .pipe(
    z.number().refine((instant) => instant >= firstInstant && instant <= lastInstant, {
      error: 'must be in the years 1 to 9999, in UTC',
    }),
  )
  .meta({ type: 'string', format: 'date-time' });

/** An instant in a response. */
export const isoInstantSchema = z.iso.datetime().describe('ISO 8601, UTC, with milliseconds');

/** Formats epoch milliseconds or a date as ISO 8601 with milliseconds. */
export function isoInstant(instant: number | Date): string;
export function isoInstant(instant: number | Date | null): string | null;
export function isoInstant(instant: number | Date | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}

/** A string without characters that are valid in JSON but not in Postgres or URLs. */
export const wholeTextSchema = z
  .string()
  .refine((text) => text.isWellFormed() && !text.includes('\0'), {
    error: 'must not contain U+0000 or unpaired surrogates',
  });

export const reasonSchema = wholeTextSchema
  .trim()
  .min(1)
  .max(1_000)
  .describe('The reason, which is kept in the audit log')
  .meta({ examples: ['support ticket 4711'] });

/** A display name. */
export const nameSchema = wholeTextSchema.trim().min(1).max(200);

/** The body of every error response. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]), // Object.keys returns string[]
    detail: z.string(),
    request_id: z.string(),
    subscription_id: z
      .string()
      .optional()
      .describe('The live subscription that stands in the way (`already_subscribed`)'),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });

/** Returns the OpenAPI response for problems that share a status. */
export function problemResponse(codes: readonly ProblemCode[], schema: z.ZodType = problemSchema) {
  return {
    description: `Problem: ${codes.map((code) => `\`${code}\``).join(', ')}`,
    content: { 'application/problem+json': { schema } },
  };
}

/**
 * Any JSON value in a response. `z.json()` is recursive, and the references that it creates do not resolve in
 * the OpenAPI document.
 */
export const jsonOutSchema = z.custom<z.infer<ReturnType<typeof z.json>>>().meta({
  id: 'JsonValue',
  description: 'Any JSON value',
  type: ['boolean', 'number', 'string', 'object', 'array', 'null'],
  items: {},
});

/** Maximum length of a cursor: that of an id in base64, with up to three bytes of UTF-8 per UTF-16 unit. */
export const maxCursorLength = maxIdLength * 4;

/** The query parameters of every list. */
export const listQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .max(maxCursorLength)
    .optional()
    .describe('`next_cursor` of the previous page')
    .meta({ examples: ['Z3JfNmMxcg'] }),
};

/** Returns the schema of a list response. */
export function listResponse<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    next_cursor: z
      .string()
      .nullable()
      .describe('The start of the next page; `null` on the last page'),
  });
}

/** Decodes a cursor to the position at which the previous page ended. */
export function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!/^[^\p{Cc}]+$/u.test(text) || encodeCursor(text) !== cursor) throw notACursor();
  return text;
}

/** Decodes a cursor of a list that is ordered by number. */
export function decodeNumberCursor(cursor: string | undefined): bigint | undefined {
  const text = decodeCursor(cursor);
  if (text === undefined) return undefined;
  if (!/^\d{1,18}$/.test(text)) throw notACursor();
  return BigInt(text);
}

/** Returns the problem for a cursor that is not a position in the list. */
export function notACursor(): ProblemError {
  return new ProblemError('bad_request', undefined, [
    {
      path: 'cursor',
      message:
        'is not a cursor of this list: send `next_cursor` of its previous page, or leave it out',
    },
  ]);
}

function encodeCursor(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/**
 * Returns a page of rows. The query must have loaded one row more than `limit`.
 *
 * @param positionOf returns a row's position in the order of the list.
 */
export function page<Row, Item>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    data: shown.map(toItem),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null,
  };
}

export interface Page<Item> {
  data: Item[];
  next_cursor: string | null;
}

interface PageQuery {
  limit: number;
  cursor?: string | undefined;
}

type LoadPage<Row> = (request: PageRequest) => Promise<readonly Row[]>;

/** The rows to load: those after a position, including one more than the page shows. */
interface PageRequest {
  after: string | undefined;
  take: number;
}

/**
 * Loads the page that a list's query requests.
 *
 * @param positionOf returns a row's position in the order of the list.
 * @throws ProblemError `bad_request` if the cursor is not valid.
 */
export function loadPage<Row>(
  query: PageQuery,
  load: LoadPage<Row>,
  positionOf: (row: Row) => string,
): Promise<Page<Row>>;
export function loadPage<Row, Item>(
  query: PageQuery,
  load: LoadPage<Row>,
  positionOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): Promise<Page<Item>>;
export async function loadPage<Row, Item>(
  { limit, cursor }: PageQuery,
  load: LoadPage<Row>,
  positionOf: (row: Row) => string,
  toItem?: (row: Row) => Item,
): Promise<Page<Row | Item>> {
  const rows = await load({ after: decodeCursor(cursor), take: limit + 1 });
  return page<Row, Row | Item>(rows, limit, positionOf, toItem ?? ((row) => row));
}
