/** Where the project's own files are, whatever folder a script is started from. */
import { fileURLToPath } from 'node:url';

/** The absolute path of a file or folder of the project, named from its root. */
export function projectPath(relative: string): string {
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}
