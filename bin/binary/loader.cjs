'use strict';
// Runs the chunks of the bundle out of the executable: no file is read, and nothing is ever looked up in node_modules.
const { Script } = require('node:vm');

/**
 * @param {Record<string, [start: number, end: number, wide: 0 | 1, cacheStart: number, cacheEnd: number]>} index where each chunk lies in `code`, and V8's
 * compiled form of it in `caches`
 * @param {Buffer} code @param {Buffer | undefined} caches
 * @param {(id: string) => unknown} builtin Node's own modules
 * @param {(name: string, script: Script) => void} [seen] told of every chunk that is loaded
 */
exports.createLoader = function createLoader(index, code, caches, builtin, seen) {
  const known = new Map();

  /**
   * The exports of a chunk, which runs when one of them is first asked for. Chunks do nothing when they run but to name their functions
   * (strictExecutionOrder), so that nobody sees the difference.
   */
  function chunk(name) {
    let exports = known.get(name);
    if (exports === undefined) known.set(name, (exports = Object.create(waiting(name))));
    return exports;
  }

  function waiting(name) {
    const get = (_, property) => {
      const exports = known.get(name);
      // From here on it is an object like any other.
      Object.setPrototypeOf(exports, Object.prototype);
      compile(name)(exports, requireHere, { exports }, `/joinery/${name}`);
      return exports[property];
    };
    return new Proxy(Object.prototype, { get });
  }

  function compile(name) {
    const [start, end, wide, cacheStart, cacheEnd] = index[name];
    const source = code.toString(wide ? 'utf16le' : 'latin1', start, end);
    const cachedData = caches?.subarray(cacheStart, cacheEnd);
    // Without a callback for import(): what a library would import from outside is refused.
    const script = new Script(source, { filename: `joinery:/${name}`, cachedData });
    seen?.(name, script);
    return script.runInThisContext();
  }

  function requireHere(id) {
    const name = id.startsWith('./') ? id.slice(2) : '';
    return Object.hasOwn(index, name) ? chunk(name) : builtin(id);
  }
  requireHere.resolve = (id) => {
    throw Object.assign(new Error(`expected a part of joinery, found ${id}`), { code: 'MODULE_NOT_FOUND' });
  };
  return chunk;
};
