import { z } from 'zod';
import { type ChangeCause, changeCauses } from '../entitlements/core/change.ts';
import {
  featureCodeSchema,
  isoInstant,
  isoInstantSchema,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { encodeFeedCursor } from './core/cursor.ts';
import type { PublishedChange } from './load-changes.ts';

const causes = Object.keys(changeCauses) as [ChangeCause, ...ChangeCause[]]; // exactly the keys of the record
const causeTexts = Object.entries(changeCauses).map(([cause, text]) => `\`${cause}\`: ${text}`);
const codes = z.array(featureCodeSchema);

/** The query parameters of both ways to read the feed. */
export const feedQuery = {
  project_id: projectIdSchema.optional(),
  after: z
    .string()
    .max(200)
    .optional()
    .describe(
      'Changes after this cursor; `start`: from the oldest stored change; omitted: from now',
    )
    .meta({ examples: ['start'] }),
  user_id: userIdSchema.optional().describe('Only changes of this user'),
};

/** The query parameters of the stream alone. */
export const streamQuery = {
  format: z
    .enum(['ofrep'])
    .optional()
    .describe(
      "`ofrep`: the events of OpenFeature's Remote Evaluation Protocol, `refetchEvaluation`, for one user",
    ),
  access_token: z
    .string()
    .optional()
    .describe('A user token, for clients that send no headers, such as `EventSource`')
    .meta({ examples: ['eyJhbGciOiJFZERTQSJ9…'] }),
};

export const changeSchema = z
  .object({
    cursor: z.string().describe('The position of the change in the feed, for `after`'),
    project_id: z.string(),
    user_id: z.string(),
    revision: z.int().describe("The user's revision from `at` on"),
    cause: z.enum(causes).describe(causeTexts.join('; ')),
    at: isoInstantSchema.describe('The instant from which the answer differs'),
    recorded_at: isoInstantSchema,
    gained: codes.describe('Features that the user may use from `at` on, and could not before'),
    lost: codes.describe('Features that the user could use before `at`, and may not from then on'),
    changed: codes.describe(
      'Features that the user may use before and after `at`, with a new value',
    ),
    next_change_at: isoInstantSchema
      .nullable()
      .describe(
        'The next instant after `at` at which time alone changes the answer; `null` if no such instant is known',
      ),
  })
  .meta({ id: 'Change' });

export type ChangeDto = z.infer<typeof changeSchema>;

/**
 * Maps a change to its DTO.
 *
 * @param database the id that cursors contain.
 */
export function toChangeDto(change: PublishedChange, database: string): ChangeDto {
  return {
    cursor: encodeFeedCursor({ database, position: change.position }),
    project_id: change.projectId,
    user_id: change.userId,
    revision: change.revision,
    cause: change.cause,
    at: isoInstant(change.at),
    recorded_at: isoInstant(change.recordedAt),
    gained: change.gained,
    lost: change.lost,
    changed: change.changed,
    next_change_at: isoInstant(change.nextChangeAt),
  };
}
