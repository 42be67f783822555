import { describe, expect, it } from 'vitest';
import { createRouteList } from '../../../src/http/unrouted.ts';

const routes = createRouteList();
for (const [method, url] of [
  ['GET', '/api/v1/entitlements'],
  ['HEAD', '/api/v1/entitlements'],
  ['GET', '/api/v1/entitlements/check'],
  ['POST', '/api/v1/admin/grant'],
  ['GET', '/api/v1/admin/grants'],
  ['PUT', '/api/v1/admin/products/:stripe_product_id'],
  ['PATCH', '/api/v1/admin/projects/:id'],
  ['GET', '/api/v1/admin/users/:user_id'],
  ['GET', '/docs/*'],
  ['GET', '/live'],
] as const) {
  routes.add(method, url);
}

const said = (method: string, url: string): string => routes.explain(method, url).problem.message;

describe('a path that no route takes', () => {
  it.each([
    ['/api/v1/entitlement', '/api/v1/entitlements'],
    ['/API/V1/Entitlements/', '/api/v1/entitlements'],
    ['/v1/entitlements/chek?user_id=u', '/api/v1/entitlements/check'],
    ['/grant', '/api/v1/admin/grant'],
    ['/api/v1/admin/user/entitlements', '/api/v1/admin/users/{user_id}'],
    ['/lives', '/live'],
  ])('%s suggests %s', (url, suggested) => {
    expect(said('GET', url)).toBe(`The path does not exist. Did you mean ${suggested}?`);
  });

  it.each(['/', '/api/v1', '/wp-login.php', '/docs/none', `/api/v1/${'entitlements'.repeat(50)}`])(
    '%s suggests nothing',
    (url) => {
      expect(said('GET', url)).toBe('The path does not exist. /openapi.json lists all paths.');
    },
  );

  it('is one whose parameter is empty', () => {
    expect(routes.explain('GET', '/api/v1/admin/users/')).toMatchObject({
      allow: [],
      problem: { code: 'not_found' },
    });
  });
});

it('a path that takes other methods names them', () => {
  expect(routes.explain('DELETE', '/api/v1/entitlements?user_id=u')).toMatchObject({
    allow: ['GET', 'HEAD'],
    problem: {
      code: 'method_not_allowed',
      message: '/api/v1/entitlements does not accept DELETE. It accepts GET.',
    },
  });
});

it('suggests a similar path that accepts the method', () => {
  expect(said('POST', '/api/v1/admin/grants')).toBe(
    '/api/v1/admin/grants does not accept POST. It accepts GET. Did you mean /api/v1/admin/grant?',
  );
  // Products are not projects that are mistyped.
  expect(said('PUT', '/api/v1/admin/projects/notes')).toBe(
    '/api/v1/admin/projects/{id} does not accept PUT. It accepts PATCH.',
  );
});
