import { z } from 'zod';
import type { WebhookDelivery, WebhookEndpoint } from '../generated/prisma/client.ts';
import { isoInstant, isoInstantSchema, wholeTextSchema } from '../http/schemas.ts';
import { messageTypes, type MessageType } from './core/message.ts';

const typeNames = Object.keys(messageTypes) as [MessageType, ...MessageType[]]; // exactly the keys of the record
const typeTexts = Object.entries(messageTypes).map(([type, text]) => `\`${type}\`: ${text}`);

export const endpointInput = {
  url: wholeTextSchema
    .max(2_048)
    .describe('Where messages are sent')
    .meta({
      examples: ['https://app.example.com/webhooks'],
    }),
  types: z
    .array(z.enum(typeNames))
    .min(1)
    .max(typeNames.length)
    .describe(`The types of messages that the endpoint receives. ${typeTexts.join('; ')}`),
  description: wholeTextSchema.trim().max(500),
};

export const endpointSchema = z
  .object({
    id: z.string(),
    project_id: z.string(),
    url: z.string(),
    types: z.array(z.enum(typeNames)),
    description: z.string().nullable(),
    status: z
      .enum(['enabled', 'disabled'])
      .describe('`enabled`: receives messages; `disabled`: receives only tests'),
    disabled_reason: z
      .enum(['operator', 'gone', 'failing'])
      .nullable()
      .describe(
        '`operator`: an operator disabled the endpoint; `gone`: the endpoint responded with 410; `failing`: every attempt failed for five days; `null` if the endpoint is enabled',
      ),
    created_at: isoInstantSchema,
  })
  .meta({ id: 'WebhookEndpoint' });

export type EndpointDto = z.infer<typeof endpointSchema>;

export const secretSchema = z
  .string()
  .optional()
  .describe('Verifies the signatures; shown only once, and omitted from a replayed response');

export const deliveryStatus = z
  .enum(['pending', 'delivered', 'failed'])
  .describe(
    '`pending`: an attempt is scheduled or running; `delivered`: the endpoint responded with 2xx; `failed`: every attempt failed, and no retry is scheduled',
  );

/** An attempt as it is stored and shown. */
const attemptSchema = z.object({
  at: isoInstantSchema,
  status: z.int().nullable().describe('The HTTP status; `null` if there was no response'),
  duration_ms: z.int(),
  error: z
    .string()
    .nullable()
    .describe('Why the attempt failed, such as `timeout`; `null` if it succeeded'),
  response: z
    .string()
    .nullable()
    .describe('The first 1,024 bytes of the response; `null` if there was no response'),
});

export type StoredAttempt = z.infer<typeof attemptSchema>;

/** Maximum number of stored attempts per delivery. */
export const maxStoredAttempts = 20;

export const deliverySchema = z
  .object({
    id: z.string(),
    message_id: z.string().describe('The header `webhook-id`, the same in every attempt'),
    type: z.enum(typeNames),
    status: deliveryStatus,
    created_at: isoInstantSchema,
    next_attempt_at: isoInstantSchema
      .nullable()
      .describe('When the next attempt is due; `null` if no attempt is scheduled'),
    attempts: z
      .array(attemptSchema)
      .describe(`The last ${maxStoredAttempts} attempts, oldest first`),
  })
  .meta({ id: 'WebhookDelivery' });

/** Maps an endpoint to its DTO, which never contains a secret. */
export function toEndpointDto(row: WebhookEndpoint): EndpointDto {
  return endpointSchema.parse({
    id: row.id,
    project_id: row.projectId,
    url: row.url,
    types: row.types,
    description: row.description,
    status: row.status,
    disabled_reason: row.disabledReason,
    created_at: isoInstant(row.createdAt),
  });
}

export function toDeliveryDto(row: WebhookDelivery): z.infer<typeof deliverySchema> {
  return {
    id: row.id,
    message_id: row.messageId,
    type: z.enum(typeNames).parse(row.type),
    status: deliveryStatus.parse(row.status),
    created_at: isoInstant(row.createdAt),
    next_attempt_at: isoInstant(row.nextAttemptAt),
    attempts: z.array(attemptSchema).parse(row.attempts),
  };
}
