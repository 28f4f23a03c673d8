import { remote } from '../remote.ts';
import { LuaQueue } from './redis-lua.ts';

/** The same script for every message by itself: what a publish costs that nobody joins with others. */
export const { contender, ends } = remote('redis-lua-single', async (load) => new LuaQueue(load));
