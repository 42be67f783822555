import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

function post(payload: string, headers: Record<string, string> = {}) {
  return service.app.inject({
    method: 'POST',
    url: '/api/v1/admin/projects',
    payload,
    headers: {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/json',
      ...headers,
    },
  });
}

describe('every error', () => {
  it('is a problem that carries the id of the request', async () => {
    const { headers, body } = await service.app.inject('/nowhere');
    expect(headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(body)).toEqual({
      type: 'urn:latchkey:problem:not_found',
      title: 'There is nothing here',
      status: 404,
      code: 'not_found',
      detail: 'There is no such route.',
      request_id: headers['x-request-id'],
    });
  });

  it.each([
    [400, 'bad_request', '{'],
    [400, 'bad_request', ''],
    [400, 'bad_request', 'null'],
    [400, 'bad_request', '[]'],
    [400, 'bad_request', '{"id":"x","name":"x","__proto__":{"a":1}}'],
    [413, 'payload_too_large', JSON.stringify({ name: 'x'.repeat(1_048_577) })],
  ])('%i %s', async (status, code, payload) => {
    const answer = await post(payload);
    expect(answer.statusCode).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ status, code });
  });

  it('415 for what is not JSON', async () => {
    const answer = await post('<project/>', { 'content-type': 'text/xml' });
    expect(answer.statusCode).toBe(415);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'unsupported_media_type' });
  });

  it('500 tells nothing internal', async () => {
    const { database } = service.deps;
    const transaction = database.transaction;
    database.transaction = () => Promise.reject(new Error('relation "secret_table" at 10.0.0.7'));
    const answer = await post('{"id":"x","name":"x"}');
    database.transaction = transaction;
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret_table');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'internal_error' });
  });

  it('503 with Retry-After while the database cannot be reached', async () => {
    const { database } = service.deps;
    const transaction = database.transaction;
    database.transaction = () => Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:5432'));
    const answer = await post('{"id":"x","name":"x"}');
    database.transaction = transaction;
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.body).not.toContain('5432');
  });
});
