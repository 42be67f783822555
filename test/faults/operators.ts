import { askUntilTaken } from './client.ts';
import type { Crowd } from './crowd.ts';
import { projectId } from './shop.ts';

/** An operator grants what is not granted, or revokes what is. */
export async function speak(crowd: Crowd): Promise<void> {
  const { url, adminKey } = crowd.place;
  const user = crowd.pick(crowd.buyers);
  const code = crowd.random() < 0.5 ? 'export' : 'beta';
  const register = user.words[code];
  await crowd.alone(register, async () => {
    const grants = register.last !== 'granted';
    const change = crowd.begin(user, register, grants ? 'granted' : 'revoked');
    const path = `/api/v1/admin/${grants ? 'grant' : 'revoke'}`;
    const whom = { project_id: projectId, user_id: user.id, feature_code: code };
    // The oracle knows no order between an operator's action and a later purchase.
    const block = grants ? {} : { block: true };
    const body = { ...whom, ...block, reason: 'a test of faults' };
    const told = await askUntilTaken(url, { method: 'POST', path, key: adminKey, body });
    if (told.status >= 300) {
      throw new Error(`${path} was answered ${told.status}: ${JSON.stringify(told.body)}`);
    }
    crowd.finish(user, change, told.answeredAt);
    crowd.count(grants ? 'grants' : 'revocations');
  });
}
