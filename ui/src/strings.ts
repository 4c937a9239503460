// strings.ts - every word of the page, by language. A language is one more column: copy `en`.
import { de } from './strings.de';

export const en = {
  newChat: 'New conversation',
  search: 'Search conversations',
  noChats: 'Nothing yet. What you write stays on this machine.',
  noHits: 'Nothing found.',
  chats: 'Conversations',
  model: 'Model',
  noModel: 'no model',
  send: 'Send',
  stop: 'Stop',
  write: 'Write a message',
  attach: 'Attach text files',
  dropHere: 'Drop text files to add them',
  removeFile: 'Remove {0}',
  tokens: '{0} tokens',
  copy: 'Copy',
  copied: 'Copied',
  edit: 'Edit',
  regenerate: 'Answer again',
  remove: 'Delete',
  removeChat: 'Delete this conversation',
  reallyRemove: 'Delete this conversation? It is erased from this machine.',
  cancel: 'Cancel',
  saveEdit: 'Send changed message',
  previous: 'Previous version',
  next: 'Next version',
  versionOf: '{0} of {1}',
  thinking: 'Reasoning',
  thinkingNow: 'Thinking …',
  you: 'You',
  assistant: 'Assistant',
  settings: 'Settings',
  close: 'Close',
  system: 'Instructions (system prompt)',
  systemHint: 'What the model should keep to throughout.',
  temperature: 'Temperature',
  temperatureHint: 'Low: predictable. High: surprising. Empty: as the model advises.',
  topP: 'Top-p',
  topK: 'Top-k',
  minP: 'Min-p',
  repeat: 'Repeat penalty',
  maxTokens: 'Longest answer (tokens)',
  seed: 'Seed',
  seedHint: 'The same seed gives the same answer again, bit for bit.',
  context: 'Context (tokens)',
  plan: 'Memory: {0} weights, {1} cache, {2} in all',
  caged: 'In a cage ({0}): what reads models and keeps conversations has no way to the network.',
  notCaged: 'Not in a cage (--no-cage): a fault in reading a model could reach the network.',
  data: 'All conversations',
  exportAll: 'Export as a file',
  importAll: 'Import a file',
  imported: '{0} conversations imported.',
  badImport: 'This file holds no conversations that can be read.',
  theme: 'Appearance',
  themeAuto: 'As the system',
  themeLight: 'Light',
  themeDark: 'Dark',
  language: 'Language',
  menu: 'Show or hide conversations',
  keys: 'Keyboard shortcuts',
  keyList: 'Enter|Send\nShift+Enter|New line\nEsc|Stop the answer, close a panel\nCtrl+Shift+O|New conversation\nCtrl+K|Search conversations\nCtrl+,|Settings\nCtrl+Shift+;|Copy the last answer\nArrow up|Edit your last message (in an empty box)\n?|This list (outside the box)',
  rate: '{0} tokens, {1} per second',
  cachedPart: '{0} of the prompt’s {1} tokens were known already',
  ended_length: 'The answer ends here because it met the limit of tokens.',
  offline: 'The server does not answer. Is hearth serve running? Trying again …',
  denied: 'This browser is not signed in. Enter name and password, or open the link that “hearth serve --open” prints.',
  login: 'Log in',
  loginName: 'Name',
  password: 'Password',
  loginWrong: 'The name or the password is wrong.',
  loginWait: 'Wait {0} s, then try again.',
  logout: 'Log out',
  failed: 'That did not work: {0}',
  tooBig: '{0} is too large: at most 2 MB of text.',
  notText: '{0} is not a text file.',
  welcome: 'What would you like to talk about?',
  welcomeHint: 'Everything happens on this machine. Nothing leaves it.',
  toBottom: 'Go to the end',
  emptyAnswer: '(The model said nothing.)',
};
export type Strings = typeof en;

const tables: Record<string, { name: string; table: Strings }> = {
  en: { name: 'English', table: en },
  de: { name: 'Deutsch', table: de },
};
export const languages = Object.entries(tables).map(([id, l]) => ({ id, name: l.name }));

export function tableFor(id: string): Strings {
  return tables[id]?.table ?? tables[id.split('-')[0]]?.table ?? en;
}

/** Puts values into the {0}, {1} of a text. */
export function put(text: string, ...values: (string | number)[]): string {
  return text.replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)] ?? ''));
}
