import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let key: string;

beforeAll(async () => {
  service = await startTestService();
  ({ key } = await service.createProject('notes'));
});
afterAll(() => service.close());

describe('the headers of every answer', () => {
  it.each(['/live', '/openapi.json', '/api/v1/entitlements', '/nothing/here'])(
    '%s: nothing in it may run or load, or be taken for another type',
    async (url) => {
      const { headers } = await service.app.inject(url);
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      });
      expect(headers['strict-transport-security']).toMatch(/^max-age=\d{8}/);
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    },
  );

  it('keep what operators get out of every cache', async () => {
    const listed = await service.request('GET', '/admin/projects/notes/keys', { key });
    const created = await service.request('POST', '/admin/projects/notes/keys', {
      key,
      body: { name: 'k', scopes: ['read'] },
    });
    expect([listed.status, created.status]).toEqual([200, 201]);
    for (const { headers } of [listed, created]) {
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('leave to entitlements what they say themselves', async () => {
    const { headers } = await service.request('GET', '/entitlements?user_id=u', { key });
    expect(headers['cache-control']).toBe('private, no-cache');
  });
});

describe('the page at /docs', () => {
  it('may run its own scripts and nothing else, and speak to its own server only', async () => {
    const page = await service.app.inject('/docs/');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='(?:;|$)/);
    expect(page.body).not.toMatch(/\son\w+=/);
  });

  it('loads no fonts from elsewhere, and reports nowhere', async () => {
    const { body } = await service.app.inject('/docs/');
    expect(body).toMatch(/"withDefaultFonts":\s*false/);
    expect(body).toMatch(/"telemetry":\s*false/);
  });
});

describe('an open document', () => {
  const documents = ['/openapi.json', '/docs/openapi.json', '/docs/openapi.yaml'];

  it.each([...documents, '/docs/', '/docs/js/scalar.js'])(
    '%s is the same each time, and each time has an id of its own',
    async (url) => {
      const first = await service.app.inject(url);
      const again = await service.app.inject(url);
      const { 'x-request-id': id, date, ...headers } = first.headers;
      expect(date).toBeDefined();
      expect(again.headers).toMatchObject(headers);
      expect(again.headers['x-request-id']).not.toBe(id);
      expect([again.statusCode, again.body === first.body]).toEqual([200, true]);
    },
  );

  it.each(['/docs', '/docs/'])('%s asked by a name that is none is a 400', async (url) => {
    const { statusCode } = await service.app.inject({ url, headers: { host: '[' } });
    expect(statusCode).toBe(400);
  });

  it('is rendered once: a flood of requests delays no others', async () => {
    for (const url of documents) await service.app.inject(url);
    const workedOut = vi.spyOn(service.app, 'swagger');
    for (const url of documents) {
      expect((await service.app.inject(url)).body).toContain('Latchkey');
      const head = await service.app.inject({ method: 'HEAD', url });
      expect([head.statusCode, head.body]).toEqual([200, '']);
      expect(Number(head.headers['content-length'])).toBeGreaterThan(100_000);
    }
    expect(workedOut).not.toHaveBeenCalled();
    workedOut.mockRestore();
  });
});
