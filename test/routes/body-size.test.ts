import { describe, expect, it } from 'vitest';
import { useServices } from '../helpers/services.ts';

const start = useServices();

describe('the size of a body', () => {
  it('413 above a quarter of a mebibyte; lists of a thousand may have a whole one', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const body = (bytes: number): string => JSON.stringify({ padding: 'x'.repeat(bytes) });
    const post = async (path: string, bytes: number): Promise<unknown> =>
      (await service.request('POST', path, { key, body: body(bytes) })).status;
    expect(await post('/admin/grant', 262_000)).toBe(400);
    expect(await post('/admin/grant', 263_000)).toBe(413);
    for (const path of ['/admin/grants/bulk', '/admin/customers/link']) {
      expect(await post(path, 1_040_000)).toBe(400);
      expect(await post(path, 1_050_000)).toBe(413);
    }
  });
});
