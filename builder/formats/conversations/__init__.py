"""Conversations as people have them: tables of messages, exports of chats, trees; read to lists of turns."""
