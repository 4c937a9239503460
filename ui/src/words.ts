// words.ts - the chosen language, for every component.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { en, type Strings } from './strings';

export const Words = createContext<Strings>(en);
export const useStrings = (): Strings => useContext(Words);
